// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The text above the login prompt of a screen: agetty shows every `.issue` file of a folder in /run.

use std::io;
use std::path::{Path, PathBuf};

use super::files::{Access, Disk, Files, replace};

/// What somebody in front of the machine sees without logging in.
pub trait Screen {
    /// Shows the text from now on, on every prompt; what agetty takes for a command is escaped by the caller.
    fn show(&self, text: &str) -> io::Result<()>;
}

/// agetty, below this folder for what lasts until the machine is switched off.
pub struct Agetty(pub PathBuf);

impl Screen for Agetty {
    fn show(&self, text: &str) -> io::Result<()> {
        let folder = self.0.join("issue.d");
        Disk.make_folder(&folder, 0o755)?;
        let access = Access::EVERYBODYS;
        replace(&Disk, &folder.join(FILE), text.as_bytes(), access)?;
        look_again(&self.0.join(RELOAD))
    }
}

/// Makes prompts that wait show their text anew; agetty makes the file once it waits, before that nobody looks.
fn look_again(reload: &Path) -> io::Result<()> {
    match Disk.len(reload)? {
        Some(_) => Disk.overwrite(reload, 0, b"\n"),
        None => Ok(()),
    }
}

const FILE: &str = "60-mqtt-broker.issue";
/// agetty watches it for changes.
const RELOAD: &str = "agetty.reload";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_text_replaces_the_one_before_and_waiting_prompts_are_told() {
        let run = tempfile::tempdir().unwrap();
        let screen = Agetty(run.path().to_owned());
        let reload = run.path().join("agetty.reload");
        screen.show("first, longer\n").unwrap();
        assert!(!reload.exists());
        fs::write(&reload, "").unwrap();
        screen.show("second\n").unwrap();
        assert_eq!(fs::read_to_string(&reload).unwrap(), "\n");
        let folder = run.path().join("issue.d");
        assert_eq!(Disk.list(&folder).unwrap(), ["60-mqtt-broker.issue"]);
        let text = fs::read_to_string(folder.join("60-mqtt-broker.issue"));
        assert_eq!(text.unwrap(), "second\n");
    }
}
