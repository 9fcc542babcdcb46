// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The mark of the first successful login, upon which the provisioner removes a generated password from its report.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::logging::Log;

/// Makes the empty file `first-login` once, when somebody logged in with a user name.
pub struct FirstLogin {
    file: Option<PathBuf>,
    marked: AtomicBool,
    log: Log,
}

impl FirstLogin {
    /// Without a folder nothing is marked.
    pub fn new(state_folder: Option<PathBuf>, log: Log) -> Self {
        let file = state_folder.map(|folder| folder.join("first-login"));
        Self {
            file,
            marked: AtomicBool::new(false),
            log,
        }
    }

    /// Marks the login unless that was done before; never waits.
    pub fn mark(&self) {
        if self.marked.swap(true, Ordering::Relaxed) {
            return;
        }
        if let Some(file) = self.file.clone() {
            let log = self.log.clone();
            tokio::task::spawn_blocking(move || {
                if let Err(error) = make(&file) {
                    log.warning(format!(
                        "cannot note the first login in {}: {error}",
                        file.display()
                    ));
                }
            });
        }
    }
}

fn make(file: &Path) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(file)?
        .sync_all()
}
