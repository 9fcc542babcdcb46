// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One connection of the null broker.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use crate::load::readiness::{Interest, Readiness};
use crate::load::websocket::{self, Frames};

pub struct Peer {
    pub socket: TcpStream,
    pub is_v5: bool,
    /// The number of the topic that it published to last.
    pub route: usize,
    /// Packets that wait to be written.
    pub out: Vec<u8>,
    /// Frames that wait to be written, if it speaks WebSocket.
    sealed: Vec<u8>,
    frames: Option<Frames>,
    /// How much of what waits is written.
    written: usize,
    /// The begin of a packet that came in part.
    partial: Vec<u8>,
    last_id: u16,
    /// More than [`FULL`] waits to be written.
    pub is_full: bool,
    /// It is not read for now.
    pub is_held: bool,
    interest: Interest,
}

impl Peer {
    pub fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            is_v5: false,
            route: 0,
            out: Vec::new(),
            sealed: Vec::new(),
            frames: None,
            written: 0,
            partial: Vec::new(),
            last_id: 0,
            is_full: false,
            is_held: false,
            interest: Interest::READ,
        })
    }

    /// Reads once into `scratch`, after what came in part; returns where it ends.
    ///
    /// # Errors
    ///
    /// The peer has closed or is broken.
    pub fn read(&mut self, scratch: &mut Vec<u8>) -> io::Result<usize> {
        let begun = self.partial.len();
        if scratch.len() < begun + READ {
            scratch.resize(begun + READ, 0);
        }
        scratch[..begun].copy_from_slice(&self.partial);
        let count = match self.socket.read(&mut scratch[begun..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            other => other?,
        };
        match &mut self.frames {
            None => Ok(begun + count),
            Some(frames) => Ok(begun + frames.open(&mut scratch[begun..begun + count])?),
        }
    }

    /// Takes the request that begins a WebSocket, when it is complete.
    pub fn upgrade(&mut self, request: &[u8]) {
        if request.ends_with(b"\r\n\r\n") {
            self.frames = Some(Frames::default());
            self.sealed = websocket::accepted();
            self.partial.clear();
        } else {
            self.keep(request);
        }
    }

    /// Keeps the begin of a packet for the next [`read`](Self::read).
    pub fn keep(&mut self, rest: &[u8]) {
        self.partial.clear();
        self.partial.extend_from_slice(rest);
    }

    /// Appends a message, with an identifier of this peer's at `id`; tells whether it is full now and was not before.
    pub fn message(&mut self, packet: &[u8], id: Option<usize>) -> bool {
        let begin = self.out.len();
        self.out.extend_from_slice(packet);
        if let Some(place) = id.and_then(|id| self.out[begin..].get_mut(id..id + 2)) {
            self.last_id = self.last_id % u16::MAX + 1;
            place.copy_from_slice(&self.last_id.to_be_bytes());
        }
        let was_full = self.is_full;
        self.is_full = self.out.len() + self.sealed.len() > FULL;
        self.is_full && !was_full
    }

    /// Writes what the socket takes.
    pub fn flush(&mut self) -> io::Result<()> {
        let waiting = match self.frames {
            None => &mut self.out,
            Some(_) => {
                if !self.out.is_empty() {
                    websocket::seal(&self.out, &mut self.sealed, false);
                    self.out.clear();
                }
                &mut self.sealed
            }
        };
        while self.written < waiting.len() {
            match self.socket.write(&waiting[self.written..]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                other => self.written += other?,
            }
        }
        waiting.clear();
        self.written = 0;
        self.is_full = false;
        Ok(())
    }

    /// Has the kernel tell what matters now.
    pub fn watch(&mut self, readiness: &Readiness, number: usize) -> io::Result<()> {
        let interest = Interest {
            read: !self.is_held,
            write: !self.out.is_empty() || !self.sealed.is_empty(),
        };
        if interest != self.interest {
            self.interest = interest;
            readiness.change(&self.socket, number, interest)?;
        }
        Ok(())
    }
}

/// Bytes read at one time.
const READ: usize = 256 * 1024;
/// Bytes that may wait for a peer before publishers are held back.
const FULL: usize = 1024 * 1024;
