// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What carries the packets: TCP.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use super::{Target, Transport};

/// A byte stream over a socket, which may or may not block.
pub struct Wire {
    socket: TcpStream,
    /// Bytes at the front of what waits that are written already.
    written: usize,
}

impl Wire {
    /// Does what the transport wants before the first packet; `socket` blocks.
    pub fn open(socket: TcpStream, target: &Target) -> io::Result<Self> {
        match target.transport {
            Transport::Tcp => Ok(Self { socket, written: 0 }),
            Transport::WebSocket | Transport::Tls => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("{:?} with {:?}", target.transport, target.authority),
            )),
        }
    }

    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Reads at least one byte of packets.
    ///
    /// # Errors
    ///
    /// `WouldBlock`, and `UnexpectedEof` when the peer has closed.
    pub fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.socket.read(into)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }

    /// Writes what the socket takes of `out`, which is empty afterwards if that was all; tells whether it was.
    pub fn write(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        while self.written < out.len() {
            match self.socket.write(&out[self.written..]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                other => self.written += other?,
            }
        }
        out.clear();
        self.written = 0;
        Ok(true)
    }
}
