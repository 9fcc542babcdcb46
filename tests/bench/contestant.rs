// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A broker under test, and one running process of it on a free loopback port.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use mqtt_proto::Version;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::certificates::{Authority, Purpose};

use crate::kind::{Identity, Kind, Setting};
use crate::load::Transport;
use crate::process::{Cores, Process};

/// A broker that takes part.
#[derive(Debug, Clone)]
pub struct Contestant {
    /// The head of its column.
    pub name: String,
    pub kind: Kind,
    pub program: PathBuf,
    /// What it says of itself.
    pub version: String,
}

/// What a measurement needs of a broker.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    pub transport: Transport,
    pub version: Version,
    /// Lines of ours under `[limits]`; none where the defaults will do.
    pub limits: &'static str,
    /// What is acknowledged has to be on the disk.
    pub durable: bool,
}

/// What all brokers of a run share.
pub struct Ground {
    pub cores: Cores,
    pub identity: Identity,
    _folder: TempDir,
}

impl Ground {
    /// Pins this thread to the generator's processor, and makes an authority and a certificate for `localhost`.
    pub fn new(cores: usize) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).map(|()| path)
        };
        let authority = Authority::new("bench");
        let leaf = authority.sign("localhost", Purpose::Server, UNTIL);
        Ok(Self {
            cores: Cores::new(cores)?,
            identity: Identity {
                certificate: write("certificate.pem", &leaf.certificate)?,
                key: write("key.pem", &leaf.key)?,
                authority: write("authority.pem", &authority.pem())?,
            },
            _folder: folder,
        })
    }
}

impl Contestant {
    /// Asks the program for its version; fails where it cannot be run.
    pub fn new(name: &str, kind: Kind, program: &Path) -> Result<Self, String> {
        let asked = Command::new(program).arg(kind.version_argument()).output();
        let said = asked.map_err(|error| format!("{}: {error}", program.display()))?;
        let text = [said.stdout, said.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        let first = text.lines().find(|line| !line.trim().is_empty());
        Ok(Self {
            name: name.to_owned(),
            kind,
            program: program.to_path_buf(),
            version: first.unwrap_or_default().trim().to_owned(),
        })
    }

    /// Starts it with its state in a folder of its own, which goes with the process.
    pub fn start(&self, wish: &Wish, ground: &Ground) -> Result<Running, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut running = self.start_in(folder.path(), wish, ground)?;
        running.folder = Some(folder);
        Ok(running)
    }

    /// Starts it on the state that the folder has; fails where it does not open its port within [`PATIENCE`].
    pub fn start_in(&self, folder: &Path, wish: &Wish, ground: &Ground) -> Result<Running, String> {
        let (port, spare) = free_ports().map_err(|error| error.to_string())?;
        let setting = Setting {
            port,
            spare,
            transport: wish.transport,
            version: wish.version,
            identity: &ground.identity,
            folder,
            limits: wish.limits,
            durable: wish.durable,
        };
        let text = self.kind.configuration(&setting).ok_or(NOT_POSSIBLE)?;
        // rumqttd reads no file of another kind.
        let file = folder.join("broker.toml");
        std::fs::write(&file, text).map_err(|error| error.to_string())?;
        let mut command = Command::new(&self.program);
        command.args(self.kind.arguments(&setting, &file));
        command.current_dir(folder).env_remove("JOURNAL_STREAM");
        let started = Instant::now();
        let process = Process::start(&mut command, &ground.cores, &folder.join("printed"));
        let mut process =
            process.map_err(|error| format!("{}: {error}", self.program.display()))?;
        let address = (Ipv4Addr::LOCALHOST, port).into();
        wait_for(address, &mut process)?;
        Ok(Running {
            address,
            started,
            process,
            control: folder.join("control"),
            folder: None,
        })
    }
}

/// A running broker; it is killed when it is dropped.
pub struct Running {
    pub address: SocketAddr,
    /// When the process was made.
    pub started: Instant,
    pub process: Process,
    /// The control socket, which only ours opens.
    control: PathBuf,
    folder: Option<TempDir>,
}

impl Running {
    /// Microseconds of the longest entry into the core since the start; none where the broker does not tell.
    pub fn longest_entry(&self) -> Option<f64> {
        let mut socket = UnixStream::connect(&self.control).ok()?;
        socket.set_read_timeout(Some(PATIENCE)).ok()?;
        writeln!(socket, "{}", json!({"v": 1, "do": "status"})).ok()?;
        let mut answer = String::new();
        BufReader::new(socket).read_line(&mut answer).ok()?;
        let answer: Value = serde_json::from_str(&answer).ok()?;
        answer["status"]["longest_entry_us"].as_f64()
    }
}

fn wait_for(address: SocketAddr, process: &mut Process) -> Result<(), String> {
    let begin = Instant::now();
    while TcpStream::connect(address).is_err() {
        if let Some(end) = process.end() {
            return Err(end);
        }
        if begin.elapsed() > PATIENCE {
            return Err(format!("does not listen within {PATIENCE:?}"));
        }
        thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}

/// Two ports that nobody listens on.
fn free_ports() -> io::Result<(u16, u16)> {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let (one, other) = (bind()?, bind()?);
    Ok((one.local_addr()?.port(), other.local_addr()?.port()))
}

/// The longest time from the start to the open port.
const PATIENCE: Duration = Duration::from_secs(10);
/// The year in which the certificate ends.
const UNTIL: i32 = 2090;
/// What is said where a kind has no configuration for a wish.
pub const NOT_POSSIBLE: &str = "cannot do this";
