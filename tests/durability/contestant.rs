// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The brokers under test with their settings, and one running process of them.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mqtt_proto::Version;
use tests::packets::connect;

use crate::link::Link;

/// A broker and how it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contestant {
    /// The row of the table.
    pub name: String,
    /// Whether it is a build of ours that must break a promise, or the run fails.
    pub is_control: bool,
    program: PathBuf,
    configuration: Configuration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Configuration {
    Ours,
    /// With these lines of its own.
    Mosquitto(&'static str),
}

impl Contestant {
    /// A build of our broker.
    pub fn ours(name: &str, program: PathBuf, is_control: bool) -> Self {
        Self {
            name: name.to_owned(),
            is_control,
            program,
            configuration: Configuration::Ours,
        }
    }

    /// Mosquitto as Debian sets it, and as safe as it can be set.
    pub fn mosquittos() -> [Self; 2] {
        [("default", ""), ("safest", SAFEST)].map(|(setting, lines)| Self {
            name: format!("{}, {setting}", version(MOSQUITTO)),
            is_control: false,
            program: PathBuf::from(MOSQUITTO),
            configuration: Configuration::Mosquitto(lines),
        })
    }

    /// Whether its row decides about the run.
    pub fn is_ours(&self) -> bool {
        self.configuration == Configuration::Ours
    }

    /// Starts it with its state below `state` and all else below `scratch`; fails with what it printed where no CONNACK
    /// comes in time.
    pub fn start(&self, state: &Path, scratch: &Path, port: u16) -> Result<Running, String> {
        let file = scratch.join("configuration");
        let log = scratch.join("log");
        std::fs::write(&file, self.text(state, port)).expect("a configuration can be written");
        // It ends with us, however we end.
        let mut command = Command::new("/usr/bin/setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(&self.program);
        match self.configuration {
            Configuration::Ours => {
                let options = ["run", "--config"];
                command.args(options).arg(&file).arg("--state").arg(state);
                command.arg("--control").arg(scratch.join("control"));
            }
            Configuration::Mosquitto(_) => {
                command.arg("-c").arg(&file);
            }
        }
        let printed = File::create(&log).expect("a log can be made");
        let spawned = command
            .current_dir(scratch)
            .env_remove("JOURNAL_STREAM")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(printed)
            .spawn();
        let child = spawned.unwrap_or_else(|error| panic!("{}: {error}", self.program.display()));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut running = Running {
            child,
            address,
            started: Duration::ZERO,
        };
        if running.answers() {
            return Ok(running);
        }
        let outcome = match running.child.try_wait() {
            Ok(Some(status)) => format!("ended with {status}"),
            _ if running.started > START => format!("first CONNACK after {:?}", running.started),
            _ => format!("no CONNACK within {NEVER:?}"),
        };
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(3).collect();
        let lines = lines.into_iter().rev().collect::<Vec<_>>().join(" | ");
        Err(format!("{outcome}: {lines}"))
    }

    fn text(&self, state: &Path, port: u16) -> String {
        match self.configuration {
            Configuration::Ours => format!(
                "version = 1\n[broker]\nallow_anonymous = true\n\
                 [limits]\nmax_queued_messages = 1000000\nmax_queued_bytes = 1073741824\n\
                 [[listener]]\nport = {port}\nbind_address = \"127.0.0.1\"\n"
            ),
            // Without `user` it would give up its rights, and not be able to write there.
            Configuration::Mosquitto(lines) => format!(
                "listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nuser root\n\
                 persistence true\npersistence_location {}/\nlog_dest stderr\nlog_type error\n{lines}",
                state.display()
            ),
        }
    }
}

/// A process; killed when it is dropped.
pub struct Running {
    child: Child,
    pub address: SocketAddr,
    /// The time from its start to the first CONNACK.
    pub started: Duration,
}

impl Running {
    /// Waits for the first CONNACK.
    fn answers(&mut self) -> bool {
        let begin = Instant::now();
        while begin.elapsed() < NEVER && !self.has_ended() {
            let probe = connect(Version::V311, "first");
            if Link::open(self.address, probe).is_ok() {
                self.started = begin.elapsed();
                return self.started < START;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        false
    }

    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// SIGKILL, and waits until nothing of it runs.
    pub fn kill(&mut self) {
        // An error means that it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What Mosquitto calls itself in the first line of its help.
fn version(program: &str) -> String {
    let output = Command::new(program).arg("-h").output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    help.lines()
        .next()
        .unwrap_or(program)
        .replace("mosquitto version", "Mosquitto")
}

const MOSQUITTO: &str = "/usr/sbin/mosquitto";
/// Every change is written at once.
const SAFEST: &str = "autosave_on_changes true\nautosave_interval 1\n";
/// The longest time from the start to the first CONNACK.
const START: Duration = Duration::from_secs(3);
/// How long is waited to tell a slow start from none; both are failures.
const NEVER: Duration = Duration::from_secs(30);
