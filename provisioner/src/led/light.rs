// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One LED of the kernel's: which trigger drives it, and how it is made to blink without any program.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::places::Places;
use crate::system::{Access, Files, files};

/// The LED that shows the card's activity.
pub struct Light<'a> {
    files: &'a dyn Files,
    folder: PathBuf,
    /// Where its own trigger is remembered while it blinks.
    memory: PathBuf,
}

/// The kernel did not take what the LED is to do.
#[derive(Debug)]
pub struct LightError {
    path: PathBuf,
    cause: io::Error,
}

impl<'a> Light<'a> {
    /// The LED; `None` on a machine without one.
    pub fn find(files: &'a dyn Files, places: &Places) -> Option<Self> {
        let folders = NAMES.iter().map(|name| places.leds.join(name));
        let mut present =
            folders.filter(|folder| matches!(files.len(&folder.join("trigger")), Ok(Some(_))));
        Some(Self {
            files,
            folder: present.next()?,
            memory: places.led_trigger.clone(),
        })
    }

    /// Blinks so often and pauses, again and again; `None` shows the card's activity.
    pub fn show(&self, blinks: Option<usize>) -> Result<(), LightError> {
        let triggers = self.triggers()?;
        self.remember(&triggers)?;
        match blinks {
            None => self.write("trigger", &self.quiet_trigger(&triggers)),
            Some(blinks) => self.blink(blinks, &triggers),
        }
    }

    /// Gives the LED back to the trigger that it had before.
    pub fn give_back(&self) -> Result<(), LightError> {
        let triggers = self.triggers()?;
        self.write("trigger", &self.own_trigger(&triggers))
    }

    /// Its own one, except for a heart that beats twice and would be taken for two blinks.
    fn quiet_trigger(&self, triggers: &Triggers) -> String {
        let own = self.own_trigger(triggers);
        match triggers.usual().filter(|_| own == "heartbeat") {
            Some(usual) => usual.to_owned(),
            None => own,
        }
    }

    fn blink(&self, blinks: usize, triggers: &Triggers) -> Result<(), LightError> {
        if triggers.offers("pattern") {
            self.write("trigger", "pattern")?;
            return self.write("pattern", &pattern(blinks, self.brightest()));
        }
        if triggers.offers("timer") {
            // It cannot count: even, fast blinking says no more than that something is wrong.
            self.write("trigger", "timer")?;
            self.write("delay_on", "100")?;
            return self.write("delay_off", "100");
        }
        self.write("trigger", "none")?;
        self.write("brightness", &self.brightest().to_string())
    }

    /// What the LED had before this program touched it.
    fn own_trigger(&self, triggers: &Triggers) -> String {
        let remembered = self.files.read(&self.memory, LIMIT).ok().flatten();
        let remembered = remembered.and_then(|bytes| String::from_utf8(bytes).ok());
        match (remembered, &triggers.active) {
            (Some(remembered), _) if triggers.offers(remembered.trim()) => {
                remembered.trim().to_owned()
            }
            (_, Some(active)) if !OURS.contains(&active.as_str()) => active.clone(),
            _ => triggers.usual().unwrap_or("none").to_owned(),
        }
    }

    /// Keeps the LED's own trigger where the next start of this program finds it.
    fn remember(&self, triggers: &Triggers) -> Result<(), LightError> {
        let fault = |cause| LightError {
            path: self.memory.clone(),
            cause,
        };
        if self.files.len(&self.memory).map_err(fault)?.is_some() {
            return Ok(());
        }
        if let Some(folder) = self.memory.parent() {
            self.files.make_folder(folder, 0o755).map_err(fault)?;
        }
        let access = Access::EVERYBODYS;
        let own = self.own_trigger(triggers);
        files::replace(self.files, &self.memory, own.as_bytes(), access).map_err(fault)
    }

    fn triggers(&self) -> Result<Triggers, LightError> {
        let path = self.folder.join("trigger");
        match self.files.read(&path, LIMIT) {
            Ok(bytes) => Ok(Triggers::parse(&String::from_utf8_lossy(
                &bytes.unwrap_or_default(),
            ))),
            Err(cause) => Err(LightError { path, cause }),
        }
    }

    /// The number the kernel takes for full light.
    fn brightest(&self) -> u32 {
        let path = self.folder.join("max_brightness");
        let bytes = self.files.read(&path, LIMIT).ok().flatten();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        text.and_then(|text| text.trim().parse().ok()).unwrap_or(1)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), LightError> {
        let path = self.folder.join(name);
        let written = self
            .files
            .overwrite(&path, 0, format!("{text}\n").as_bytes());
        written.map_err(|cause| LightError { path, cause })
    }
}

/// The triggers a kernel offers for an LED.
struct Triggers {
    names: Vec<String>,
    /// The one in brackets.
    active: Option<String>,
}

impl Triggers {
    /// Reads such as `none [mmc0] timer pattern`.
    fn parse(text: &str) -> Self {
        let words = || text.split_ascii_whitespace();
        let active = words().find_map(|word| word.strip_prefix('[')?.strip_suffix(']'));
        let names = words().map(|word| word.trim_matches(['[', ']']).to_owned());
        Self {
            names: names.collect(),
            active: active.map(str::to_owned),
        }
    }

    fn offers(&self, name: &str) -> bool {
        self.names.iter().any(|offered| offered == name)
    }

    /// The activity of a card.
    fn usual(&self) -> Option<&'static str> {
        USUAL.into_iter().find(|name| self.offers(name))
    }
}

/// Pairs of brightness and milliseconds for the kernel's trigger `pattern`, which goes from one brightness to the next
/// gradually unless a pair of no time stands between them.
fn pattern(blinks: usize, brightest: u32) -> String {
    let phase = |brightness: u32, time: u32| format!("{brightness} {time} {brightness} 0");
    let blink = [phase(brightest, ON_MS), phase(0, OFF_MS)].join(" ");
    let mut phases = vec![blink; blinks];
    phases.push(phase(0, PAUSE_MS));
    phases.join(" ")
}

impl fmt::Display for LightError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "writing {} for the activity LED", self.path.display())
    }
}

impl Error for LightError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

/// What kernels call it, newer ones first.
const NAMES: [&str; 2] = ["ACT", "led0"];
/// Cards, of which the kernel numbers one in the slot differently from board to board.
const USUAL: [&str; 2] = ["mmc0", "mmc1"];
/// What this program chooses.
const OURS: [&str; 2] = ["pattern", "timer"];
const ON_MS: u32 = 200;
const OFF_MS: u32 = 300;
/// After the last blink, in addition.
const PAUSE_MS: u32 = 1500;
/// Bytes of a file of the kernel's.
const LIMIT: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blinks_are_sharp_and_a_pause_ends_them() {
        assert_eq!(
            pattern(2, 255),
            "255 200 255 0 0 300 0 0 255 200 255 0 0 300 0 0 0 1500 0 0"
        );
        assert_eq!(pattern(1, 1), "1 200 1 0 0 300 0 0 0 1500 0 0");
    }
}
