// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Listening Unix sockets as files: opened in place of one that a dead program left, removed when closed.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// Opens the socket for its owner and group.
///
/// It is an error when a program answers there, or when something else than a socket is there.
pub fn open(path: &Path) -> io::Result<UnixListener> {
    remove_stale(path)?;
    let socket = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    Ok(socket)
}

/// The file of a socket that is closed before it; removed when this is dropped, unless another program answers there.
pub struct SocketFile(PathBuf);

impl SocketFile {
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // A file that cannot be removed is replaced at the next start.
        let _ = remove_stale(&self.0);
    }
}

fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(file) if !file.file_type().is_socket() => {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(_) => {}
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another program answers there",
        )),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
    }
}

/// Read and write for owner and group.
const MODE: u32 = 0o660;

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("broker-socket-{}-{name}", std::process::id()))
    }

    #[tokio::test]
    async fn a_dead_programs_socket_is_replaced_and_a_living_ones_is_not() {
        let path = path("stale");
        drop(open(&path).unwrap());
        let alive = open(&path).unwrap();
        assert_eq!(open(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            MODE
        );
        drop(alive);
        fs::remove_file(&path).unwrap();
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_never_removed() {
        let path = path("file");
        fs::write(&path, "precious").unwrap();
        assert_eq!(
            open(&path).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        fs::remove_file(&path).unwrap();
    }

    #[tokio::test]
    async fn a_closed_sockets_file_goes_and_its_successors_stays() {
        let path = path("successor");
        drop(open(&path).unwrap());
        let file = SocketFile::new(&path);
        let successor = open(&path).unwrap();
        drop(file);
        assert!(path.exists());
        drop(successor);
        drop(SocketFile::new(&path));
        assert!(!path.exists());
    }
}
