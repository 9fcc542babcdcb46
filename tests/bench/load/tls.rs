// SPDX-License-Identifier: Apache-2.0 OR MIT
//! TLS for the generator's clients: large reads and writes, whatever the size of the records.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// One side of a session whose handshake is over.
pub struct Session {
    connection: ClientConnection,
    /// Where ciphertext goes that comes.
    ciphertext: Vec<u8>,
}

impl Session {
    /// Shakes hands over a socket that blocks, with a server named `localhost` that this authority has signed.
    pub fn connect(socket: &mut TcpStream, authority: &Path) -> io::Result<Self> {
        let config = Arc::new(config(authority)?);
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let mut connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
        connection.set_buffer_limit(None);
        while connection.is_handshaking() {
            connection.complete_io(socket)?;
        }
        Ok(Self {
            connection,
            ciphertext: vec![0; READ],
        })
    }

    /// Reads once from the socket and returns how many bytes of packets that gave, which may be none.
    pub fn read(&mut self, socket: &mut TcpStream, into: &mut [u8]) -> io::Result<usize> {
        let room = READ.min(into.len().saturating_sub(RECORD));
        let count = match socket.read(&mut self.ciphertext[..room])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => count,
        };
        let mut rest = &self.ciphertext[..count];
        let mut taken = 0;
        while !rest.is_empty() {
            self.connection.read_tls(&mut rest)?;
            self.connection
                .process_new_packets()
                .map_err(io::Error::other)?;
            loop {
                match self.connection.reader().read(&mut into[taken..]) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(count) => taken += count,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(taken)
    }

    /// Appends records with `packets` to `out`.
    pub fn seal(&mut self, packets: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        self.connection.writer().write_all(packets)?;
        while self.connection.wants_write() {
            self.connection.write_tls(out)?;
        }
        Ok(())
    }
}

fn config(authority: &Path) -> io::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(authority).map_err(io::Error::other)?;
    for certificate in certificates {
        let certificate = certificate.map_err(io::Error::other)?;
        roots.add(certificate).map_err(io::Error::other)?;
    }
    Ok(ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Bytes of ciphertext read at one time.
const READ: usize = 192 * 1024;
/// Plaintext of one record at most, which may come with the first bytes of a read.
const RECORD: usize = 16 * 1024;
