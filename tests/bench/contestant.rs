// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A broker under test: started on a free loopback port, open to anonymous clients, its CPU time readable.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use tests::tools::Measured;

/// A running broker; it is killed when it is dropped.
pub struct Contestant {
    pub version: String,
    pub address: SocketAddr,
    pub server: Measured,
    _folder: TempDir,
}

impl Contestant {
    /// The `broker` that was built beside this program.
    pub fn ours() -> Self {
        let own = std::env::current_exe().expect("a program knows its own path");
        Self::broker(&own.with_file_name("broker"))
    }

    /// Any build of our `broker`.
    pub fn broker(program: &Path) -> Self {
        Self::start(program, "--version", &["run", "--config"], |port| {
            format!(
                "version = 1\n[broker]\nallow_anonymous = true\n\
                 [[listener]]\nport = {port}\nbind_address = \"127.0.0.1\"\n"
            )
        })
    }

    /// Mosquitto, set to the same bounds.
    pub fn mosquitto() -> Self {
        let found = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto"]
            .into_iter()
            .find(|path| Path::new(path).exists());
        let program = found.unwrap_or("mosquitto");
        Self::start(Path::new(program), "-h", &["-c"], |port| {
            format!(
                "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest none\n\
                 set_tcp_nodelay true\nmax_inflight_messages 100\nmax_queued_messages 1000\n"
            )
        })
    }

    fn start(
        program: &Path,
        ask: &str,
        arguments: &[&str],
        configuration: impl Fn(u16) -> String,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let socket = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
        let address = socket.local_addr().expect("a bound socket has an address");
        drop(socket);
        let file = folder.path().join("configuration");
        std::fs::write(&file, configuration(address.port()))
            .expect("a configuration can be written");
        let mut command = Command::new(program);
        command.args(arguments).arg(&file);
        Self {
            version: version(program, ask),
            address,
            server: Measured::start(&mut command, address),
            _folder: folder,
        }
    }
}

/// The first line that the program prints about itself.
fn version(program: &Path, ask: &str) -> String {
    let output = Command::new(program).arg(ask).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}
