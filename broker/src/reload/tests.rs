// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A broker whose file is replaced under it.

use std::net::TcpListener;

use bytes::Bytes;
use bytestring::ByteString;
use mqtt_core::Verdict;
use mqtt_proto::Password;

use super::*;
use crate::dialogue::Forgetful;
use crate::storage::{Clock, Handle};
use crate::supervisor::Supervisor;

/// A broker, its file, and a port that another program has, so that no test opens one.
struct Bench {
    reloader: Arc<Reloader>,
    file: PathBuf,
    taken: TcpListener,
}

impl Bench {
    fn new(name: &str) -> Self {
        let file = format!("broker-reload-{}-{name}.toml", std::process::id());
        let file = std::env::temp_dir().join(file);
        let log = Log::silent();
        let authenticator = Authenticator::new(None, log.clone());
        let store = Box::new(Forgetful::default());
        let hub = Hub::new(
            app::params(&Default::default()),
            store,
            Clock::new(),
            log.clone(),
            authenticator.clone(),
        );
        let listeners = Listeners::new(hub.clone(), Supervisor::new().0, log.clone());
        let reloader = Reloader::new(
            file.clone(),
            authenticator,
            listeners,
            hub,
            Handle::idle(),
            log,
        );
        Self {
            reloader,
            file,
            taken: TcpListener::bind("127.0.0.1:0").unwrap(),
        }
    }

    fn port(&self) -> u16 {
        self.taken.local_addr().unwrap().port()
    }

    /// A file with one user and a listener on the taken port.
    fn write_valid(&self, username: &str) {
        let port = self.port();
        let text = format!(
            "version = 1\n[[user]]\nusername = \"{username}\"\npassword = \"secret\"\n\
             [[listener]]\nport = {port}\nbind_address = \"127.0.0.1\"\n"
        );
        std::fs::write(&self.file, text).unwrap();
    }

    fn write_faulty(&self) {
        std::fs::write(&self.file, "version = 1\nportt = 1\n").unwrap();
    }

    async fn lets_in(&self, username: &str) -> bool {
        let password = Password::new(Bytes::from_static(b"secret"));
        let username = Some(ByteString::from(username));
        self.reloader
            .authenticator
            .judge(None, username, Some(password))
            .await
            == Verdict::Accepted
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // A test that failed early wrote none.
        let _ = std::fs::remove_file(&self.file);
    }
}

#[tokio::test]
async fn a_broker_without_a_valid_file_is_locked_until_there_is_one() {
    let bench = Bench::new("locked");
    let missing = bench.reloader.start().await.unwrap_err();
    assert_eq!(missing.exit_status(), 2);
    assert_eq!(
        bench.reloader.locked(),
        Some(format!("{} is missing", bench.file.display()))
    );

    bench.write_faulty();
    assert!(!bench.reloader.reload().await.accepted);
    let refused = format!("{} is refused, 1 problem", bench.file.display());
    assert_eq!(bench.reloader.locked(), Some(refused));

    bench.write_valid("ann");
    assert!(bench.reloader.reload().await.accepted);
    assert_eq!(bench.reloader.locked(), None);
    assert!(bench.lets_in("ann").await);
}

#[tokio::test]
async fn a_refused_file_changes_nothing_and_tells_every_problem() {
    let bench = Bench::new("refused");
    bench.write_valid("ann");
    bench.reloader.start().await.unwrap();

    bench.write_faulty();
    let outcome = bench.reloader.reload().await;
    assert!(!outcome.accepted);
    assert_eq!(outcome.lines.len(), 3, "{:?}", outcome.lines);
    assert!(
        outcome.lines[1].starts_with("line 2, column 1: `portt`: "),
        "{:?}",
        outcome.lines
    );
    assert_eq!(outcome.lines[2], "the former configuration stays in force");
    assert_eq!(bench.reloader.locked(), None);
    assert!(bench.lets_in("ann").await);
}

#[tokio::test]
async fn an_accepted_file_is_in_force_when_the_reload_ends() {
    let bench = Bench::new("accepted");
    bench.write_valid("ann");
    bench.reloader.start().await.unwrap();

    bench.write_valid("bob");
    let outcome = bench.reloader.reload().await;
    let port = bench.port();
    let expected = [
        format!("Config loaded from {}.", bench.file.display()),
        "user removed: ann".to_owned(),
        "user added: bob".to_owned(),
        format!(
            "port {port} is closed: port {port} is in use by another program; \
             `ss -ltnp` shows which"
        ),
    ];
    assert_eq!(outcome.lines, expected);
    assert!(bench.lets_in("bob").await);
    assert!(!bench.lets_in("ann").await);
}

#[tokio::test]
async fn a_new_limit_holds_for_the_next_connection() {
    let bench = Bench::new("limits");
    bench.write_valid("ann");
    bench.reloader.start().await.unwrap();
    let most = || bench.reloader.hub.decode_limits().max_packet_size;
    assert_eq!(most(), 16 * 1024 * 1024);

    let text = std::fs::read_to_string(&bench.file).unwrap();
    std::fs::write(
        &bench.file,
        format!("{text}[limits]\nmax_packet_size = 5000\n"),
    )
    .unwrap();
    let outcome = bench.reloader.reload().await;
    let line = "limit changed: max_packet_size 16777216 -> 5000".to_owned();
    assert!(outcome.lines.contains(&line), "{:?}", outcome.lines);
    assert_eq!(most(), 5_000);
}
