// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Socket activation: the daemon serves sockets that its parent opened, as systemd does.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};

use mqtt_proto::{Packet, Version};
use tests::tools::program;
use tests::{Connection, PASSWORD, USER};

/// The daemon, killed when the test ends.
struct Activated(Child);

impl Drop for Activated {
    fn drop(&mut self) {
        // An error means that it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_passed_socket_is_served_and_one_that_nobody_asks_for_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    // Both stay open here: the daemon could not open the port by itself.
    let wanted = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
    let stranger =
        UnixListener::bind(folder.path().join("stranger")).expect("a socket can be made");
    let port = wanted.local_addr().expect("it is bound").port();
    let text = format!(
        "version = 1\n[[user]]\nusername = \"{USER}\"\npassword = \"{PASSWORD}\"\n\
         [[listener]]\nport = {port}\nbind_address = \"127.0.0.1\"\n"
    );
    std::fs::write(folder.path().join("broker.toml"), text).expect("a file can be written");

    let pass = |socket: OwnedFd| Stdio::from(socket);
    let child = Command::new("sh")
        .arg("-c")
        // The sockets arrive as standard input and output, and leave as descriptors 3 and 4.
        .arg("exec 3<&0 4>&1 </dev/null >/dev/null; LISTEN_FDS=2 LISTEN_PID=$$ exec \"$@\"")
        .args(["sh".as_ref(), program().as_os_str()])
        .args(["run", "--config", "broker.toml", "--state", "."])
        .current_dir(&folder)
        .env_remove("JOURNAL_STREAM")
        .stdin(pass(
            wanted.try_clone().expect("a socket can be copied").into(),
        ))
        .stdout(pass(
            stranger.try_clone().expect("a socket can be copied").into(),
        ))
        .stderr(Stdio::piped())
        .spawn();
    let mut daemon = Activated(child.expect("a shell starts"));
    let stderr = daemon.0.stderr.take().expect("its errors are a pipe");
    let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
    let begun: Vec<String> = lines
        .by_ref()
        .take_while(|line| !line.ends_with(" running"))
        .collect();
    let begun = begun.join("\n");
    let uses = format!(
        "(port {port}, address 127.0.0.1, mqtt) uses the socket that the service manager passed"
    );
    assert!(begun.contains(&uses), "{begun}");
    assert!(
        begun.contains("stranger, and no [[listener]] asks for it"),
        "{begun}"
    );
    assert!(!begun.contains("in use"), "{begun}");

    let mut client = Connection::client(port, Version::V5, "activated");
    client.send(Packet::PingReq);
    assert_eq!(client.receive(), Some(Packet::PingResp));
}
