// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Other people's programs: making sure they are there, running them, and ending those that hang.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The longest time that anything here waits; what waits is always for an event that ends it sooner.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The project's top folder.
pub fn top() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    folder
        .expect("the tests have a folder of their own")
        .to_path_buf()
}

/// The program under test: `BROKER_BIN`, or the one that cargo built beside the tests.
pub fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("BROKER_BIN") {
        return top().join(path);
    }
    let test = std::env::current_exe().expect("a program knows its own path");
    let folder = test
        .ancestors()
        .find(|folder| folder.join("broker").is_file());
    let program = folder.map(|folder| folder.join("broker"));
    program.expect("the broker is not built: cargo build --package broker")
}

/// The folder `target/interop/NAME`; where it is missing, `install` fills it.
pub fn fetched(name: &str, install: impl FnOnce(&Path)) -> PathBuf {
    let _one_at_a_time = ONE_AT_A_TIME.lock();
    let folder = target().join("interop").join(name);
    if !folder.is_dir() {
        let part = folder.with_extension("part");
        // What an interrupted installation left is of no use; mostly there is none.
        let _ = std::fs::remove_dir_all(&part);
        std::fs::create_dir_all(&part).expect("a folder below target can be made");
        install(&part);
        std::fs::rename(&part, &folder).expect("a folder below target can be renamed");
    }
    folder
}

/// Cargo's folder of what it builds.
pub fn target() -> PathBuf {
    let program = std::env::current_exe().expect("a program knows its own path");
    let target = program.ancestors().nth(3);
    target
        .expect("a test is three levels below target")
        .to_path_buf()
}

/// Makes sure that the tools named by `PROBE=PACKAGE` are installed; fails with what to install.
#[track_caller]
pub fn need(reason: &str, probes: &[&str]) {
    let _one_at_a_time = ONE_PACKAGE_AT_A_TIME.lock();
    let status = Command::new(top().join("deploy/need"))
        .arg(reason)
        .args(probes)
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "tools are missing, see above"
    );
}

/// Runs a program to its end and returns what it printed; it must succeed.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = outcome(command);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?} ended with {}:\n{printed}{errors}",
        output.status
    );
    printed
}

/// Runs a program to its end, which must come within [`PATIENCE`].
#[track_caller]
pub fn outcome(command: &mut Command) -> Output {
    let description = format!("{command:?}");
    Running::start(command.stdin(Stdio::null())).finish(&description)
}

/// A program that runs beside the test; it is killed when the test forgets it.
pub struct Running {
    child: Child,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
}

impl Running {
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        let spawned = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child =
            spawned.unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        let stdout = read_to_end(child.stdout.take());
        let stderr = read_to_end(child.stderr.take());
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// Waits for the end of the program by itself.
    #[track_caller]
    pub fn finish(mut self, description: &str) -> Output {
        let Ok(stdout) = self.stdout.recv_timeout(PATIENCE) else {
            panic!("{description} did not end within {PATIENCE:?}");
        };
        let stderr = self.stderr.recv_timeout(PATIENCE).unwrap_or_default();
        let status = self.child.wait().expect("a child can be waited for");
        Output {
            status,
            stdout,
            stderr,
        }
    }

    /// Waits for the end of the program, which must succeed, and returns what it printed.
    #[track_caller]
    pub fn printed(self, description: &str) -> String {
        let output = self.finish(description);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success(),
            "{description} ended with {}: {errors}",
            output.status
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Ends the program without a chance to say good-bye.
    pub fn kill(mut self) {
        end(&mut self.child);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A server whose cost is measured; it is killed when the test forgets it.
pub struct Measured(Child);

impl Measured {
    /// Starts it without input and output, and waits until it has opened its port.
    #[track_caller]
    pub fn start(command: &mut Command, address: SocketAddr) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let spawned = command.spawn();
        let server =
            Self(spawned.unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}")));
        let begin = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(
                begin.elapsed() < PATIENCE,
                "{command:?} does not open {address}"
            );
            thread::yield_now();
        }
        server
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// CPU time of all threads since the start.
    pub fn cpu_time(&self) -> Duration {
        cpu_time(self.pid()).expect("the program runs")
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

fn end(child: &mut Child) {
    // An error means that it has ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

/// CPU time of all threads of a process, user and system; of threads that have ended, nothing. Fails once it has ended.
pub fn cpu_time(pid: u32) -> io::Result<Duration> {
    let nanos = of_tasks(pid, "schedstat", first_number)?;
    Ok(Duration::from_nanos(nanos))
}

/// How often its threads have gone to sleep, which is how often they were woken.
pub fn wakeups(pid: u32) -> io::Result<u64> {
    of_tasks(pid, "status", |text| {
        field(text, "voluntary_ctxt_switches:")
    })
}

/// The most memory a process has had, in MiB.
pub fn highest_memory(pid: u32) -> u64 {
    memory(pid, "VmHWM:").expect("the program runs") / 1024 / 1024
}

/// The memory a process has now, in bytes. Fails once it has ended.
pub fn memory_now(pid: u32) -> io::Result<u64> {
    memory(pid, "VmRSS:")
}

fn memory(pid: u32, name: &str) -> io::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kilobytes = field(&status, name).ok_or_else(|| io::Error::other("it has ended"))?;
    Ok(kilobytes * 1024)
}

/// The sum over a process's threads of what is read from a file of each.
fn of_tasks(pid: u32, file: &str, read: impl Fn(&str) -> Option<u64>) -> io::Result<u64> {
    let mut sum = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(task?.path().join(file)).unwrap_or_default();
        sum += read(&text).unwrap_or(0);
    }
    Ok(sum)
}

fn field(text: &str, name: &str) -> Option<u64> {
    first_number(text.lines().find_map(|line| line.strip_prefix(name))?)
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// Reads a pipe to its end, so that the program never waits for a reader.
fn read_to_end(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read until an error is all there is.
            let _ = pipe.read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    receiver
}

/// Tests run side by side; what they fetch is fetched once.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
static ONE_PACKAGE_AT_A_TIME: Mutex<()> = Mutex::new(());
