// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What carries the packets: TCP, and on top of it WebSocket or TLS.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;

use nix::sys::socket::{self, MsgFlags};

use super::tls::Session;
use super::websocket::{self, Frames};
use super::{Target, Transport};

/// A byte stream over a socket, which may or may not block.
pub struct Wire {
    socket: TcpStream,
    layer: Layer,
    /// What the layer made of packets that the socket has not taken.
    sealed: Vec<u8>,
    /// How much of what waits for the socket it has taken.
    written: usize,
}

enum Layer {
    None,
    WebSocket(Frames),
    Tls(Box<Session>),
}

impl Wire {
    /// Does what the transport wants before the first packet; `socket` blocks.
    pub fn open(mut socket: TcpStream, target: &Target) -> io::Result<Self> {
        let layer = match target.transport {
            Transport::Tcp => Layer::None,
            Transport::WebSocket => {
                websocket::connect(&mut socket)?;
                Layer::WebSocket(Frames::default())
            }
            Transport::Tls => {
                let authority = target.authority.as_deref();
                let authority = authority.ok_or_else(|| {
                    io::Error::new(io::ErrorKind::InvalidInput, "TLS without an authority")
                })?;
                Layer::Tls(Box::new(Session::connect(&mut socket, authority)?))
            }
        };
        Ok(Self {
            socket,
            layer,
            sealed: Vec::new(),
            written: 0,
        })
    }

    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Reads once and returns how many bytes of packets that gave, which may be none.
    ///
    /// # Errors
    ///
    /// `WouldBlock`, and `UnexpectedEof` when the peer has closed.
    pub fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Layer::Tls(session) = &mut self.layer {
            return session.read(&mut self.socket, into);
        }
        let count = match self.socket.read(into)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => count,
        };
        match &mut self.layer {
            Layer::WebSocket(frames) => frames.open(&mut into[..count]),
            _ => Ok(count),
        }
    }

    /// Whether [`discard`](Self::discard) costs less than reading.
    pub fn can_discard(&self) -> bool {
        matches!(self.layer, Layer::None)
    }

    /// Reads at most `count` bytes that nobody looks at; over plain TCP the kernel does not even copy them.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn discard(&mut self, into: &mut [u8], count: usize) -> io::Result<usize> {
        if !self.can_discard() {
            return self.read(into);
        }
        let count = count.min(into.len());
        let socket = self.socket.as_raw_fd();
        match socket::recv(socket, &mut into[..count], MsgFlags::MSG_TRUNC)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }

    /// Takes the packets in `out` and writes what the socket takes; tells whether that was all.
    ///
    /// Plain packets that the socket did not take stay in `out`.
    pub fn write(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        let waiting = match &mut self.layer {
            Layer::None => out,
            layer => {
                if !out.is_empty() {
                    match layer {
                        Layer::Tls(session) => session.seal(out, &mut self.sealed)?,
                        _ => websocket::seal(out, &mut self.sealed, true),
                    }
                    out.clear();
                }
                &mut self.sealed
            }
        };
        while self.written < waiting.len() {
            match self.socket.write(&waiting[self.written..]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                other => self.written += other?,
            }
        }
        waiting.clear();
        self.written = 0;
        Ok(true)
    }
}
