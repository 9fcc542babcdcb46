// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A server whose cost is measured, and the processors that it and the generator have.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use tests::tools;

/// Which processors the broker has, and which the generator.
#[derive(Debug, Clone, Copy)]
pub struct Cores {
    broker: CpuSet,
    generator: CpuSet,
    /// The number that the broker has.
    pub count: usize,
}

impl Cores {
    /// The first `count` processors for the broker and the one after them for the generator; where the machine has no more,
    /// they share the last.
    pub fn new(count: usize) -> nix::Result<Self> {
        let own = sched_getaffinity(Pid::from_raw(0))?;
        let has = |cpu: &usize| own.is_set(*cpu).unwrap_or(false);
        let all: Vec<usize> = (0..CpuSet::count()).filter(has).collect();
        let count = count.clamp(1, all.len());
        let (mut broker, mut generator) = (CpuSet::new(), CpuSet::new());
        for cpu in &all[..count] {
            broker.set(*cpu)?;
        }
        generator.set(all[count.min(all.len() - 1)])?;
        let cores = Self {
            broker,
            generator,
            count,
        };
        cores.pin(&cores.generator)?;
        Ok(cores)
    }

    /// This thread's, and those of all threads and programs it starts from now on.
    fn pin(&self, set: &CpuSet) -> nix::Result<()> {
        sched_setaffinity(Pid::from_raw(0), set)
    }

    fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        self.pin(&self.broker)?;
        let spawned = command.spawn();
        self.pin(&self.generator)?;
        spawned
    }
}

/// A process without input; killed when it is dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it on the broker's processors; what it prints goes to the file `log`.
    pub fn start(command: &mut Command, cores: &Cores, log: &Path) -> io::Result<Self> {
        let out = File::create(log)?;
        let errors = out.try_clone()?;
        command.stdin(Stdio::null()).stdout(out).stderr(errors);
        Ok(Self {
            child: cores.spawn(command)?,
            log: log.to_path_buf(),
        })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, with the last line that it printed, or that of a panic; none while it runs.
    pub fn end(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let panic = text
            .lines()
            .skip_while(|line| !line.contains("panicked at"));
        let last = panic.clone().nth(1).or_else(|| text.lines().last());
        let last = last.unwrap_or("it said nothing");
        let printable: String = last.chars().filter(|c| !c.is_control()).take(200).collect();
        Some(format!("ended with {status}: {printable}"))
    }

    /// CPU time of all its threads, user and system, to the nanosecond; of threads that have ended, nothing.
    pub fn cpu(&self) -> io::Result<Duration> {
        tools::cpu_time(self.pid())
    }

    /// How often its threads have gone to sleep, which is how often they were woken.
    pub fn wakeups(&self) -> io::Result<u64> {
        tools::wakeups(self.pid())
    }

    /// Resident memory now, in bytes.
    pub fn memory(&self) -> io::Result<u64> {
        tools::memory_now(self.pid())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Time that all processors have worked and could have worked, in ticks since the machine's start.
#[derive(Debug, Clone, Copy)]
pub struct Ticks {
    busy: u64,
    all: u64,
}

impl Ticks {
    /// See `/proc/stat` in proc(5): idle and waiting for I/O are the fourth and fifth.
    pub fn now() -> io::Result<Self> {
        let text = std::fs::read_to_string("/proc/stat")?;
        let line = text.lines().next().unwrap_or_default();
        let numbers: Vec<u64> = line
            .split_whitespace()
            .skip(1)
            .take(8)
            .filter_map(|word| word.parse().ok())
            .collect();
        let (all, idle) = (numbers.iter().sum(), numbers.iter().skip(3).take(2).sum());
        let all: u64 = all;
        Ok(Self {
            busy: all.saturating_sub(idle),
            all,
        })
    }

    /// The busy share of the machine since then, 0 to 1.
    pub fn busy_since(&self, begin: &Self) -> f64 {
        let all = self.all.saturating_sub(begin.all).max(1);
        self.busy.saturating_sub(begin.busy) as f64 / all as f64
    }
}
