// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A broker with many users that has just been started on a free loopback port.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tests::tools::{self, Measured};

/// Every user's.
pub const PASSWORD: &str = "a password of some length";

/// A running broker; it is killed when it is dropped.
pub struct Contestant {
    pub name: &'static str,
    pub port: u16,
    pub server: Measured,
    _folder: TempDir,
}

pub fn user(number: usize) -> String {
    format!("user{number}")
}

impl Contestant {
    /// The `broker` that was built beside this program, or `BROKER_BIN`.
    pub fn ours(logins: usize) -> Self {
        let (folder, port) = place();
        let program = tools::program();
        let mut text =
            format!("version = 1\n[[listener]]\nport = {port}\nbind_address = \"127.0.0.1\"\n");
        for number in 0..logins {
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "[[user]]\nusername = \"{}\"", user(number));
            text.push_str(&hash(&program));
        }
        let file = write(folder.path(), "broker.toml", &text);
        let mut command = Command::new(program);
        command.args(["run", "--config"]).arg(file);
        Self::start("broker", command, folder, port)
    }

    pub fn mosquitto(logins: usize) -> Self {
        let (folder, port) = place();
        let users: String = (0..logins)
            .map(|number| format!("{}:{PASSWORD}\n", user(number)))
            .collect();
        let users = write(folder.path(), "users", &users);
        tools::run(Command::new("mosquitto_passwd").arg("-U").arg(&users));
        let file = write(
            folder.path(),
            "mosquitto.conf",
            &format!(
                "listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {}\nlog_dest none\nuser root\n",
                users.display()
            ),
        );
        let mut command = Command::new("/usr/sbin/mosquitto");
        command.arg("-c").arg(file);
        Self::start("Mosquitto", command, folder, port)
    }

    fn start(name: &'static str, mut command: Command, folder: TempDir, port: u16) -> Self {
        let address = (Ipv4Addr::LOCALHOST, port).into();
        Self {
            name,
            port,
            server: Measured::start(&mut command, address),
            _folder: folder,
        }
    }
}

fn place() -> (TempDir, u16) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let socket = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
    let port = socket.local_addr().expect("a bound socket has an address");
    (folder, port.port())
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, text).expect("a file can be written");
    file
}

/// The line with the hash of the password, as `broker passwd` prints it.
fn hash(program: &Path) -> String {
    let mut child = Command::new(program)
        .arg("passwd")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the broker is built");
    let mut input = child.stdin.take().expect("its input is a pipe");
    writeln!(input, "{PASSWORD}").expect("it reads its input");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let lines = String::from_utf8_lossy(&output.stdout);
    let line = lines.lines().find(|line| line.starts_with("password_hash"));
    format!("{}\n", line.expect("it prints the hash"))
}
