// SPDX-License-Identifier: Apache-2.0 OR MIT
//! System calls of a broker for each message of a stream, counted by strace.

use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::experiment::Stage;
use crate::figure::*;
use crate::load;
use crate::load::scenarios;
use crate::stream;

/// Runs the stream of this name under strace, which slows it down: nothing else is told of it.
pub fn measure(stage: &Stage, stream: &str) -> Result<Figures, String> {
    let scenario = scenarios::find(stream).ok_or("there is no such stream")?;
    let running = stage.start()?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let counts = folder.path().join("counts");
    let mut tracer: Option<io::Result<Tracer>> = None;
    let mut mark = || {
        tracer = Some(match tracer.take() {
            None => Tracer::attach(running.process.pid(), &counts),
            Some(attached) => attached.and_then(Tracer::detach),
        });
    };
    let target = stream::target(scenario, stage, &running);
    let ran = load::run(&scenario.work, &target, stage.length, &mut mark);
    let outcome = ran.map_err(|error| error.to_string())?;
    tracer
        .unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()))
        .map_err(|error| format!("strace: {error}"))?;
    let text = std::fs::read_to_string(&counts).map_err(|error| error.to_string())?;
    let calls = total(&text).ok_or("strace has counted nothing")?;
    Ok(vec![(&CALLS, calls / outcome.delivered as f64)])
}

/// A strace at work; it is killed when it is dropped.
struct Tracer(Child);

impl Tracer {
    /// Begins to count, for all threads.
    fn attach(pid: u32, counts: &Path) -> io::Result<Self> {
        let mut command = Command::new("strace");
        command.args(["-c", "-f", "-U", "calls,name", "-p", &pid.to_string(), "-o"]);
        let child = command.arg(counts).stderr(Stdio::piped()).spawn()?;
        let mut tracer = Self(child);
        let told = tracer.0.stderr.take().map(BufReader::new);
        let told = told.and_then(|mut lines| {
            let mut line = String::new();
            lines.read_line(&mut line).ok()?;
            // It goes on to tell of threads; the pipe stays open for that.
            std::thread::spawn(move || lines.lines().count());
            Some(line)
        });
        match told {
            Some(line) if line.contains("attached") => Ok(tracer),
            other => Err(io::Error::other(other.unwrap_or_default())),
        }
    }

    /// Ends the count, which it writes then.
    fn detach(mut self) -> io::Result<Self> {
        kill(Pid::from_raw(self.0.id() as i32), Signal::SIGINT)?;
        self.0.wait()?;
        Ok(self)
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The number in the last line, which is that of all calls.
fn total(text: &str) -> Option<f64> {
    let line = text
        .lines()
        .find(|line| line.trim_end().ends_with("total"))?;
    line.split_whitespace().next()?.parse().ok()
}
