// SPDX-License-Identifier: Apache-2.0 OR MIT
//! An ext4 file system on a loop device on an image in memory. The mounts are this process's own, so they end with it,
//! however it ends; the loop device ends with its mount.

use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use tempfile::TempDir;
use tests::tools;

use crate::fuse::Served;
use crate::image::Image;

/// Gives this process mounts of its own; called before there is a second thread.
pub fn enter() -> nix::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let nothing = None::<&str>;
    mount(
        nothing,
        "/",
        nothing,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        nothing,
    )
}

/// An empty file system; its tables and its journal are initialised, so that nothing is written later on its own account.
pub fn format(size: u64) -> Image {
    let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    file.as_file().set_len(size).expect("a file can grow");
    let options = [
        "-q",
        "-b",
        "4096",
        "-E",
        "nodiscard,lazy_itable_init=0,lazy_journal_init=0",
    ];
    tools::run(
        Command::new("/sbin/mkfs.ext4")
            .args(options)
            .arg(file.path()),
    );
    let content = std::fs::read(file.path()).expect("what was written can be read");
    Image::new(&content)
}

/// A mounted card; unmounted when it is dropped, whatever state it is in.
pub struct Card {
    mounted: PathBuf,
    pub served: Served,
    /// Whether it could only be mounted after e2fsck.
    pub repaired: bool,
    _folder: TempDir,
}

impl Card {
    /// Mounts an image as it is; ext4 replays its journal, and where it will not, e2fsck comes first. Fails with what
    /// `mount` says.
    pub fn insert(image: Image) -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let (device, mounted) = (folder.path().join("device"), folder.path().join("mounted"));
        for path in [&device, &mounted] {
            std::fs::create_dir(path).expect("a folder can be made");
        }
        let served = Served::new(image, &device).map_err(|error| format!("FUSE: {error}"))?;
        let mut repaired = false;
        if let Err(said) = mount_card(&served, &mounted) {
            // As at the start of an installed system; a torn superblock is repaired from its copy.
            let mut command = Command::new("/sbin/e2fsck");
            tools::outcome(command.arg("-fy").arg(served.file()));
            mount_card(&served, &mounted)
                .map_err(|again| format!("{said}; after e2fsck: {again}"))?;
            repaired = true;
        }
        Ok(Self {
            mounted,
            served,
            repaired,
            _folder: folder,
        })
    }

    /// The root of the file system.
    pub fn root(&self) -> &Path {
        &self.mounted
    }
}

fn mount_card(served: &Served, mounted: &Path) -> Result<(), String> {
    let mut command = Command::new("/bin/mount");
    command.args(["-t", "ext4", "-o", "loop,noatime"]);
    let output = tools::outcome(command.arg(served.file()).arg(mounted));
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(said.lines().next().unwrap_or_default().to_owned())
}

impl Drop for Card {
    fn drop(&mut self) {
        // A lazy one would leave the loop device at work while the next card is mounted.
        let mut command = Command::new("/bin/umount");
        let output = tools::outcome(command.arg(&self.mounted));
        if !output.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
    }
}
