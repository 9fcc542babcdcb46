// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who can say how the machine is: the journal, the broker itself, the file systems. Nothing is changed here.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::statvfs::statvfs;

use super::UnitViews;

/// All of them.
pub struct Witnesses<'a> {
    pub units: &'a dyn UnitViews,
    pub journal: &'a dyn Journal,
    pub daemon: &'a dyn Daemon,
    pub storage: &'a dyn Storage,
}

/// Whose log lines.
#[derive(Clone, Copy)]
pub enum Of<'a> {
    Units(&'a [&'a str]),
    /// The kernel's warnings and errors.
    Kernel,
}

/// The log of this boot.
pub trait Journal {
    /// The last lines, oldest first.
    fn last(&self, of: Of, lines: usize) -> io::Result<String>;
}

/// The running broker.
pub trait Daemon {
    /// Its answer to `status`: one line of JSON, in which nothing is secret.
    fn status(&self) -> io::Result<String>;
}

/// The file systems.
pub trait Storage {
    /// Of the one that a folder lies on.
    fn space(&self, folder: &Path) -> io::Result<Space>;
}

/// Bytes of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    pub total: u64,
    /// For programs without a privilege.
    pub free: u64,
}

/// systemd's journal, read by its own program.
pub struct Journalctl;

impl Journal for Journalctl {
    fn last(&self, of: Of, lines: usize) -> io::Result<String> {
        let mut arguments: Vec<String> = ["--boot", "--quiet", "--no-pager", "--output=short-iso"]
            .map(str::to_owned)
            .into();
        arguments.push(format!("--lines={lines}"));
        match of {
            Of::Kernel => arguments.extend(["--dmesg", "--priority=warning"].map(str::to_owned)),
            Of::Units(units) => arguments.extend(units.iter().map(|unit| format!("--unit={unit}"))),
        }
        let bytes = output(JOURNALCTL, &arguments)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// What a program prints, at most [`MOST`] bytes of it, within [`PATIENCE`]; it inherits nothing.
#[expect(
    clippy::disallowed_methods,
    reason = "clippy.toml says which one program may be run"
)]
fn output(program: &str, arguments: &[String]) -> io::Result<Vec<u8>> {
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let pipe = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.take(MOST).read_to_end(&mut bytes);
        // Nobody listens any more once the time is over.
        drop(send.send(read.map(|_| bytes)));
    });
    let read = receive.recv_timeout(PATIENCE);
    // It has ended by itself, or what it has still to say is not wanted.
    drop(child.kill());
    child.wait()?;
    read.map_err(|_| io::ErrorKind::TimedOut)?
}

/// The control socket at this path.
pub struct ControlSocket(pub PathBuf);

impl Daemon for ControlSocket {
    fn status(&self) -> io::Result<String> {
        let stream = UnixStream::connect(&self.0)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        (&stream).write_all(b"{\"v\":1,\"do\":\"status\"}\n")?;
        let mut line = String::new();
        BufReader::new(stream.take(MOST)).read_line(&mut line)?;
        Ok(line)
    }
}

/// This machine's mounted file systems.
pub struct Mounted;

impl Storage for Mounted {
    fn space(&self, folder: &Path) -> io::Result<Space> {
        let found = statvfs(folder)?;
        let block = found.fragment_size();
        Ok(Space {
            total: found.blocks().saturating_mul(block),
            free: found.blocks_available().saturating_mul(block),
        })
    }
}

const JOURNALCTL: &str = "/usr/bin/journalctl";
/// Bytes of an answer.
const MOST: u64 = 4 * 1024 * 1024;
/// For an answer.
const PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_read_to_its_end_and_an_endless_one_is_cut_off() {
        let said = output("/bin/echo", &["two words".to_owned()]).unwrap();
        assert_eq!(said, b"two words\n");
        let said = output("/usr/bin/yes", &[]).unwrap();
        assert_eq!(said.len() as u64, MOST);
        assert!(output("/nonexistent", &[]).is_err());
    }

    #[test]
    fn the_root_file_system_has_a_size() {
        let space = Mounted.space(Path::new("/")).unwrap();
        assert!(space.total >= space.free && space.total > 0);
    }
}
