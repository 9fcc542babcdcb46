// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The program that keeps the machine's log, over the Varlink socket that only root may use.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

/// The machine's log.
pub trait Log {
    /// Lets go of the files written so far, also of those that were removed, and begins new ones.
    fn begin_anew(&self) -> io::Result<()>;
}

/// systemd-journald behind the socket at this path.
pub struct Journald(pub PathBuf);

impl Journald {
    /// Where it listens on every system.
    pub const SOCKET: &str = "/run/systemd/journal/io.systemd.journal";
}

impl Log for Journald {
    fn begin_anew(&self) -> io::Result<()> {
        let mut socket = UnixStream::connect(&self.0)?;
        socket.set_read_timeout(Some(LIMIT))?;
        socket.set_write_timeout(Some(LIMIT))?;
        let call = json!({"method": "io.systemd.Journal.Rotate", "parameters": {}});
        socket.write_all(format!("{call}\0").as_bytes())?;
        let mut answer = Vec::new();
        BufReader::new(socket.take(LONGEST)).read_until(0, &mut answer)?;
        match answer.pop() {
            Some(0) => judge(&answer),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

fn judge(answer: &[u8]) -> io::Result<()> {
    let answer: Value = serde_json::from_slice(answer)?;
    match answer.get("error") {
        None => Ok(()),
        Some(error) => Err(io::Error::other(error.to_string())),
    }
}

/// How long one message there or back may take.
const LIMIT: Duration = Duration::from_secs(10);
/// Bytes of an answer.
const LONGEST: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    /// What comes of it if journald answers so, and what it was asked.
    fn ask(answer: &'static [u8]) -> (io::Result<()>, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let journald = thread::spawn(move || {
            let (mut peer, _) = listener.accept().unwrap();
            let mut asked = [0; 256];
            let length = peer.read(&mut asked).unwrap();
            peer.write_all(answer).unwrap();
            String::from_utf8_lossy(&asked[..length]).into_owned()
        });
        (Journald(path).begin_anew(), journald.join().unwrap())
    }

    #[test]
    fn journald_is_asked_to_begin_a_new_file() {
        let (done, asked) = ask(b"{\"parameters\":{}}\0");
        done.unwrap();
        assert_eq!(
            asked,
            "{\"method\":\"io.systemd.Journal.Rotate\",\"parameters\":{}}\0"
        );
    }

    #[test]
    fn a_refusal_and_half_an_answer_are_errors() {
        for answer in [
            &b"{\"error\":\"io.systemd.System\"}\0"[..],
            b"{\"parameters\"",
            b"no JSON\0",
            b"",
        ] {
            assert!(ask(answer).0.is_err(), "{answer:?}");
        }
        assert!(Journald("/nowhere".into()).begin_anew().is_err());
    }
}
