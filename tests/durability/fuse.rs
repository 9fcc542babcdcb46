// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A file system with one file, an image in memory, served through /dev/fuse: what is written to it and flushed is
//! logged. Only what a loop device on that file asks for is answered.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::diary::Position;
use crate::image::{Entry, Image};

/// A mounted image; unmounted when it is dropped.
pub struct Served {
    folder: PathBuf,
    disk: Arc<Mutex<Disk>>,
    position: Position,
}

struct Disk {
    image: Image,
    log: Vec<Entry>,
    logged: u64,
}

impl Served {
    /// Serves the image as `folder`/card; the position grows with the log.
    pub fn new(image: Image, folder: &Path) -> nix::Result<Self> {
        let device = OpenOptions::new().read(true).write(true).open("/dev/fuse");
        let device = device
            .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO as i32)))?;
        let options = format!(
            "fd={},rootmode=40000,user_id=0,group_id=0",
            device.as_raw_fd()
        );
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(
            Some("card"),
            folder,
            Some("fuse"),
            flags,
            Some(options.as_str()),
        )?;
        let disk = Disk {
            image,
            log: Vec::new(),
            logged: 0,
        };
        let disk = Arc::new(Mutex::new(disk));
        let position = Position::default();
        let server = Server {
            device,
            disk: Arc::clone(&disk),
            position: Arc::clone(&position),
        };
        thread::spawn(move || server.run());
        Ok(Self {
            folder: folder.to_path_buf(),
            disk,
            position,
        })
    }

    pub fn file(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Bytes of the writes in the log.
    pub fn logged(&self) -> u64 {
        lock(&self.disk).logged
    }

    /// The log up to now; what is written later goes to a new one.
    pub fn take_log(&self) -> Vec<Entry> {
        std::mem::take(&mut lock(&self.disk).log)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // The loop device may still hold the file for a moment; an error means that it is gone already.
        let _ = umount2(&self.folder, MntFlags::MNT_DETACH);
    }
}

fn lock(disk: &Mutex<Disk>) -> MutexGuard<'_, Disk> {
    disk.lock().unwrap_or_else(|error| error.into_inner())
}

struct Server {
    device: File,
    disk: Arc<Mutex<Disk>>,
    position: Position,
}

impl Server {
    /// Answers one request after the other until the file system is unmounted.
    fn run(mut self) {
        let mut request = vec![0; MAX_WRITE as usize + 4096];
        loop {
            match self.device.read(&mut request) {
                Ok(length) => {
                    let answer = self.answer(&request[..length]);
                    if let Some(answer) = answer {
                        // The kernel refuses an answer to what it has given up.
                        let _ = self.device.write(&answer);
                    }
                }
                Err(error) if error.raw_os_error() == Some(Errno::ENODEV as i32) => return,
                Err(_) => {}
            }
        }
    }

    /// The answer to a request: `struct fuse_in_header` and what belongs to its opcode, see <linux/fuse.h>.
    fn answer(&self, request: &[u8]) -> Option<Vec<u8>> {
        let (opcode, node) = (u32_at(request, 4), u64_at(request, 16));
        let body = request.get(IN_HEADER..).unwrap_or_default();
        let answer = match opcode {
            opcode::FORGET | opcode::BATCH_FORGET | opcode::INTERRUPT => return None,
            opcode::INIT => Ok(init(body)),
            opcode::LOOKUP if body.split(|byte| *byte == 0).next() == Some(NAME.as_bytes()) => {
                Ok(self.entry())
            }
            opcode::LOOKUP => Err(Errno::ENOENT),
            opcode::GETATTR | opcode::SETATTR => Ok(self.attributes(node)),
            opcode::OPEN | opcode::OPENDIR => Ok(vec![0; 16]),
            opcode::READ => {
                let (offset, size) = (u64_at(body, 8), u32_at(body, 16));
                Ok(lock(&self.disk).image.read(offset, size as usize))
            }
            opcode::WRITE => Ok(self.write(body)),
            opcode::FSYNC => {
                self.log(Entry::Flush);
                Ok(Vec::new())
            }
            opcode::FLUSH | opcode::RELEASE | opcode::RELEASEDIR | opcode::DESTROY => {
                Ok(Vec::new())
            }
            opcode::STATFS => Ok(vec![0; 80]),
            _ => Err(Errno::ENOSYS),
        };
        let (error, payload) = match answer {
            Ok(payload) => (0, payload),
            Err(errno) => (-(errno as i32), Vec::new()),
        };
        let mut out = Vec::with_capacity(OUT_HEADER + payload.len());
        out.extend(((OUT_HEADER + payload.len()) as u32).to_ne_bytes());
        out.extend(error.to_ne_bytes());
        out.extend(&request[8..16]);
        out.extend(payload);
        Some(out)
    }

    fn write(&self, body: &[u8]) -> Vec<u8> {
        let (offset, size) = (u64_at(body, 8), u32_at(body, 16));
        let data = body[WRITE_HEADER..][..size as usize].to_vec();
        let mut disk = lock(&self.disk);
        disk.image.write(offset, &data);
        disk.logged += data.len() as u64;
        drop(disk);
        self.log(Entry::Write { offset, data });
        [size, 0].map(u32::to_ne_bytes).concat()
    }

    /// The position grows before the answer leaves, so that whoever has seen an effect of it sees it grown.
    fn log(&self, entry: Entry) {
        let mut disk = lock(&self.disk);
        disk.log.push(entry);
        self.position.store(disk.log.len() as u64, Ordering::SeqCst);
    }

    /// `struct fuse_entry_out` of the file, valid for ever.
    fn entry(&self) -> Vec<u8> {
        let mut out = [FILE, 0, FOREVER, FOREVER].map(u64::to_ne_bytes).concat();
        out.extend([0; 8]);
        out.extend(self.attr(FILE));
        out
    }

    /// `struct fuse_attr_out`.
    fn attributes(&self, node: u64) -> Vec<u8> {
        let mut out = FOREVER.to_ne_bytes().to_vec();
        out.extend([0; 8]);
        out.extend(self.attr(node));
        out
    }

    /// `struct fuse_attr`.
    fn attr(&self, node: u64) -> Vec<u8> {
        let size = if node == FILE {
            lock(&self.disk).image.size
        } else {
            0
        };
        let mode = if node == FILE { 0o100_600 } else { 0o040_700 };
        let mut out = [node, size, size / 512, 0, 0, 0]
            .map(u64::to_ne_bytes)
            .concat();
        out.extend(
            [0, 0, 0, mode, 1, 0, 0, 0, 4096, 0]
                .map(u32::to_ne_bytes)
                .concat(),
        );
        out
    }
}

/// `struct fuse_init_out`: large writes, no cache of them in the kernel.
fn init(body: &[u8]) -> Vec<u8> {
    let flags = u32_at(body, 12) & (flag::BIG_WRITES | flag::MAX_PAGES | flag::ASYNC_READ);
    let mut out = [MAJOR, MINOR, u32_at(body, 8), flags]
        .map(u32::to_ne_bytes)
        .concat();
    out.extend([16, 12].map(u16::to_ne_bytes).concat());
    out.extend([MAX_WRITE, 1].map(u32::to_ne_bytes).concat());
    out.extend(((MAX_WRITE / 4096) as u16).to_ne_bytes());
    out.resize(64, 0);
    out
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let field = bytes
        .get(at..at + 4)
        .and_then(|field| field.try_into().ok());
    field.map_or(0, u32::from_ne_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let field = bytes
        .get(at..at + 8)
        .and_then(|field| field.try_into().ok());
    field.map_or(0, u64::from_ne_bytes)
}

const NAME: &str = "card";
/// The node of the file; that of the folder is 1.
const FILE: u64 = 2;
const FOREVER: u64 = 1 << 30;
const MAX_WRITE: u32 = 1 << 20;
const MAJOR: u32 = 7;
const MINOR: u32 = 31;
const IN_HEADER: usize = 40;
const OUT_HEADER: usize = 16;
const WRITE_HEADER: usize = 40;

/// `enum fuse_opcode`.
mod opcode {
    pub const LOOKUP: u32 = 1;
    pub const FORGET: u32 = 2;
    pub const GETATTR: u32 = 3;
    pub const SETATTR: u32 = 4;
    pub const OPEN: u32 = 14;
    pub const READ: u32 = 15;
    pub const WRITE: u32 = 16;
    pub const STATFS: u32 = 17;
    pub const RELEASE: u32 = 18;
    pub const FSYNC: u32 = 20;
    pub const FLUSH: u32 = 25;
    pub const INIT: u32 = 26;
    pub const OPENDIR: u32 = 27;
    pub const RELEASEDIR: u32 = 29;
    pub const INTERRUPT: u32 = 36;
    pub const DESTROY: u32 = 38;
    pub const BATCH_FORGET: u32 = 42;
}

/// Flags of `struct fuse_init_in` and `struct fuse_init_out`.
mod flag {
    pub const ASYNC_READ: u32 = 1;
    pub const BIG_WRITES: u32 = 1 << 5;
    pub const MAX_PAGES: u32 = 1 << 22;
}
