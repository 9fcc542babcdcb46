// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The text files of the project and what kind each is.

use std::path::PathBuf;
use std::process::Command;

/// One text file.
pub struct Source {
    /// Relative to the project's top.
    pub path: String,
    pub text: String,
}

impl Source {
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub fn is_python(&self) -> bool {
        self.path.ends_with(".py") || self.shebang().is_some_and(|line| line.contains("python"))
    }

    pub fn is_shell(&self) -> bool {
        self.path.ends_with(".sh")
            || self
                .shebang()
                .is_some_and(|line| line.ends_with("sh") || line.contains("sh -"))
    }

    /// A systemd unit or one of the small files systemd reads.
    pub fn is_systemd(&self) -> bool {
        self.path.starts_with("deploy/") && self.path.contains("/usr/lib/sys") && !self.is_shell()
    }

    /// A crate that does no I/O and reads no clock.
    pub fn is_pure(&self) -> bool {
        [
            "broker/proto/src/",
            "broker/core/src/",
            "broker/store/src/",
            "broker/config/src/",
        ]
        .iter()
        .any(|top| self.path.starts_with(top))
            && !self.path.ends_with("/tests.rs")
            && !self.path.contains("/tests/")
    }

    /// Line numbers and lines.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    /// Line numbers and lines before the tests at the end of a file.
    pub fn lines_before_tests(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines()
            .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
    }

    /// The lines without a shebang.
    pub fn body(&self) -> impl Iterator<Item = &str> {
        self.text
            .lines()
            .skip(usize::from(self.shebang().is_some()))
    }

    fn shebang(&self) -> Option<&str> {
        self.text
            .lines()
            .next()
            .filter(|line| line.starts_with("#!/"))
    }
}

/// The project's top folder.
pub fn project() -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    tests
        .parent()
        .expect("the crate lies in the project")
        .to_path_buf()
}

/// Every text file that is in git or could be added to it; samples for tests are not ours to judge.
pub fn sources() -> Vec<Source> {
    let listing = Command::new("git")
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ])
        .current_dir(project())
        .output()
        .expect("git runs");
    assert!(
        listing.status.success(),
        "git ls-files: {}",
        String::from_utf8_lossy(&listing.stderr)
    );
    String::from_utf8_lossy(&listing.stdout)
        .split_terminator('\0')
        .filter(|path| !path.starts_with("tests/fixtures/") && *path != "Cargo.lock")
        .filter_map(|path| {
            let file = project().join(path);
            let regular = file.symlink_metadata().is_ok_and(|data| data.is_file());
            let text = std::fs::read_to_string(&file).ok().filter(|_| regular)?;
            Some(Source {
                path: path.to_owned(),
                text,
            })
        })
        .collect()
}
