// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The real `broker` on ports of its own, with one user and one listener of each kind.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ports::free_ports;
use crate::tools::{PATIENCE, program};

/// The user whom every daemon of the tests knows.
pub const USER: &str = "anna";
/// Her password.
pub const PASSWORD: &str = "secret";

/// Another program may take a free port before the broker does; this often it is tried again.
const ATTEMPTS: usize = 5;

/// A running daemon; it is killed when the test ends.
pub struct Daemon {
    child: Child,
    lines: Receiver<String>,
    folder: TempDir,
    /// The port of MQTT over TCP.
    pub port: u16,
    /// The port of MQTT over WebSocket.
    pub websocket_port: u16,
}

impl Daemon {
    /// A daemon that knows [`USER`] and listens on the loopback address.
    #[track_caller]
    pub fn start() -> Self {
        let daemon = (0..ATTEMPTS).find_map(|_| Self::try_start());
        daemon.expect("the broker found its ports taken every time")
    }

    /// A daemon on given ports, of which the one or the other may be taken.
    #[track_caller]
    pub fn start_on(port: u16, websocket_port: u16) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let configuration = configuration(port, websocket_port, "");
        std::fs::write(folder.path().join("broker.toml"), configuration)
            .expect("a configuration can be written");
        let (child, lines) = spawn(folder.path());
        let daemon = Self {
            child,
            lines,
            folder,
            port,
            websocket_port,
        };
        daemon.expect_line(" running");
        daemon
    }

    #[track_caller]
    fn try_start() -> Option<Self> {
        let (port, websocket_port) = free_ports();
        let daemon = Self::start_on(port, websocket_port);
        let listening = daemon
            .listeners()
            .iter()
            .all(|listener| listener["state"] == "listening");
        listening.then_some(daemon)
    }

    /// The state of each listener, as the control socket tells it.
    #[track_caller]
    pub fn listeners(&self) -> Vec<Value> {
        let status = self.ask("status");
        let listeners = status["status"]["listeners"].as_array();
        listeners
            .unwrap_or_else(|| panic!("no listeners in {status}"))
            .clone()
    }

    /// Waits until a client of this name has subscribed to something.
    #[track_caller]
    pub fn wait_for_subscriber(&self, client_id: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.ask("status");
            let clients = status["status"]["clients"].as_array().into_iter().flatten();
            let mut subscribed = clients.filter(|client| client["subscriptions"] != 0);
            if subscribed.any(|client| client["client_id"] == client_id) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{client_id} never subscribed: {status}"
            );
            thread::yield_now();
        }
    }

    /// The next log line that contains `part`; those before it are forgotten.
    #[track_caller]
    pub fn expect_line(&self, part: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut before = Vec::new();
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) if line.contains(part) => return line,
                Ok(line) => before.push(line),
                Err(RecvTimeoutError::Timeout) => {
                    panic!("no line with {part:?} within {PATIENCE:?}: {before:#?}")
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("the broker ended without {part:?}: {before:#?}")
                }
            }
        }
    }

    /// Asks through the control socket: `status` or `reload`.
    #[track_caller]
    pub fn ask(&self, action: &str) -> Value {
        let mut socket =
            UnixStream::connect(self.path("control")).expect("the control socket is open");
        socket
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        writeln!(socket, "{}", json!({"v": 1, "do": action})).expect("a request can be sent");
        let mut answer = String::new();
        BufReader::new(socket)
            .read_line(&mut answer)
            .expect("an answer arrives");
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error} in {answer:?}"))
    }

    /// Appends `more` to the configuration, which takes effect at the next reload.
    pub fn configure(&self, more: &str) {
        let text = configuration(self.port, self.websocket_port, more);
        std::fs::write(self.path("broker.toml"), text).expect("a configuration can be written");
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(
            self.child
                .id()
                .try_into()
                .expect("a process number is positive"),
        );
        kill(pid, signal).expect("a child can be signalled");
    }

    /// Stops the daemon as systemd does.
    #[track_caller]
    pub fn stop(mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.expect_line(" terminating");
        self.child.wait().expect("a child can be waited for")
    }

    /// Ends the daemon by a signal and starts it again, with what it has kept.
    #[track_caller]
    pub fn restart(&mut self, signal: Signal) {
        self.restart_after(signal, |_| ());
    }

    /// The same, with something done to its folder in between.
    pub fn restart_after(&mut self, signal: Signal, act: impl FnOnce(&Path)) {
        self.signal(signal);
        self.child.wait().expect("a child can be waited for");
        act(self.folder.path());
        (self.child, self.lines) = spawn(self.folder.path());
        let listening =
            || self.path("control").exists() && UnixStream::connect(self.path("control")).is_ok();
        let deadline = Instant::now() + PATIENCE;
        while !listening() {
            assert!(Instant::now() < deadline, "the broker does not come back");
            thread::yield_now();
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // An error means that it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The daemon of a folder, and the lines it logs.
#[track_caller]
fn spawn(folder: &Path) -> (Child, Receiver<String>) {
    let arguments = [
        "--config",
        "broker.toml",
        "--control",
        "control",
        "--state",
        ".",
    ];
    let mut child = Command::new(program())
        .arg("run")
        .args(arguments)
        .current_dir(folder)
        .env_remove("JOURNAL_STREAM")
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("the broker cannot be started: {error}"));
    let lines = lines_of(child.stderr.take());
    (child, lines)
}

fn configuration(port: u16, websocket_port: u16, more: &str) -> String {
    format!(
        "version = 1\n\
         [[user]]\nusername = \"{USER}\"\npassword = \"{PASSWORD}\"\n\
         [[listener]]\nport = {port}\nbind_address = \"127.0.0.1\"\n\
         [[listener]]\nport = {websocket_port}\nbind_address = \"127.0.0.1\"\nprotocol = \"websockets\"\n\
         {more}"
    )
}

fn lines_of(pipe: Option<impl std::io::Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in pipe
            .into_iter()
            .flat_map(|pipe| BufReader::new(pipe).lines())
            .map_while(Result::ok)
        {
            // The pipe is read on when nobody listens any more, so that the daemon never waits for us.
            let _ = sender.send(line);
        }
    });
    receiver
}
