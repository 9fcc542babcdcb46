// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who takes part in a run: ours, the ceiling, peers of this machine, fetched ones and those given by path, and who is missing why.

use std::path::{Path, PathBuf};

use crate::contestant::Contestant;
use crate::kind::Kind;

/// The brokers of a run; the first is ours.
pub struct Field {
    pub contestants: Vec<Contestant>,
    /// Names and reasons of those that should be there and are not.
    pub absent: Vec<(String, String)>,
}

impl Field {
    /// The broker built beside this program, the ceiling, and every peer that can be had.
    pub fn complete(given: &[(Kind, PathBuf)]) -> Result<Self, String> {
        let mut field = Self::small()?;
        let fetched = [(Kind::Mosquitto, "mosquitto"), (Kind::Nats, "nats-server")];
        for (kind, program) in fetched {
            field.add_fetched(kind, program);
        }
        for (kind, program) in given {
            field.add(*kind, program);
        }
        for kind in [Kind::FlashMq, Kind::Rumqttd, Kind::NanoMq] {
            if !given.iter().any(|(other, _)| *other == kind) {
                let reason = format!("give its program: --peer {}=PATH", kind.name());
                field.absent.push((kind.name().to_owned(), reason));
            }
        }
        Ok(field)
    }

    /// Ours, the ceiling and the Mosquitto of this machine.
    pub fn small() -> Result<Self, String> {
        let mut field = Self::ours()?;
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        field.contestants.push(Contestant {
            name: Kind::Null.name().to_owned(),
            kind: Kind::Null,
            program: own,
            version: "the ceiling: copies bytes and keeps nothing".to_owned(),
        });
        field.add(Kind::Mosquitto, Path::new("/usr/sbin/mosquitto"));
        Ok(field)
    }

    /// Ours and another build of it.
    pub fn beside(program: &Path) -> Result<Self, String> {
        let mut field = Self::ours()?;
        let other = Contestant::new("beside", Kind::Ours, program)?;
        field.contestants.push(other);
        Ok(field)
    }

    fn ours() -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let program = own.with_file_name("broker");
        Ok(Self {
            contestants: vec![Contestant::new(Kind::Ours.name(), Kind::Ours, &program)?],
            absent: Vec::new(),
        })
    }

    /// Takes a peer in, under its make and the number of its version, or notes why it cannot be.
    fn add(&mut self, kind: Kind, program: &Path) {
        match Contestant::new(kind.name(), kind, program) {
            Ok(mut peer) => {
                if let Some(number) = number(&peer.version) {
                    peer.name = format!("{}-{number}", kind.name());
                }
                self.contestants.push(peer);
            }
            Err(reason) => self.absent.push((kind.name().to_owned(), reason)),
        }
    }

    /// A peer that `tests/bench/peers` has unpacked.
    fn add_fetched(&mut self, kind: Kind, program: &str) {
        let folder = crate::folder().join("peers");
        let path = folder.join(SUITE).join(program);
        if path.exists() {
            return self.add(kind, &path);
        }
        let reason = std::fs::read_to_string(folder.join(format!("{SUITE}.reason")));
        let reason = reason.unwrap_or_else(|_| "run tests/bench/peers to fetch it".to_owned());
        let name = format!("{} of Debian {SUITE}", kind.name());
        self.absent.push((name, reason.trim().to_owned()));
    }
}

/// The first word that has a dot between digits, without what is around it.
fn number(version: &str) -> Option<String> {
    let words = version.split(|c: char| !c.is_ascii_digit() && c != '.');
    let mut numbers = words.map(|word| word.trim_matches('.'));
    numbers.find(|word| word.contains('.')).map(str::to_owned)
}

/// The Debian suite that `tests/bench/peers` unpacks.
const SUITE: &str = "sid";
