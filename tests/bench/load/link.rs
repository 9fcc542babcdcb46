// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One connection: what waits to be written, what came in part, and whether the kernel tells when it can be written.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use mqtt_proto::QoS;

use super::codec::{self, Packet};
use super::readiness::{Interest, Readiness};
use super::{Target, wire::Wire};

/// A connection, identified by its number in the run.
pub struct Link {
    wire: Wire,
    number: usize,
    /// MQTT packets that were not written yet.
    pub out: Vec<u8>,
    /// The begin of a packet that came in part.
    partial: Vec<u8>,
    /// A message whose payload has not come to its end, and how many bytes of it have not.
    begun: Option<Packet>,
    payload_left: usize,
    /// Bytes read at one time.
    read: usize,
    interest: Interest,
    /// It is not read for now.
    is_paused: bool,
    /// QoS 1 and 2 messages that the broker takes before it has acknowledged them.
    pub receive_maximum: u64,
}

impl Link {
    /// Connects, and subscribes to `filter`; afterwards the socket blocks no more.
    ///
    /// # Errors
    ///
    /// Whatever keeps the client from being connected within [`PATIENCE`], with what the broker answered.
    pub fn open(
        target: &Target,
        number: usize,
        client: &str,
        filter: Option<(&str, QoS)>,
    ) -> io::Result<Self> {
        let socket = TcpStream::connect_timeout(&target.address, PATIENCE)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut link = Self {
            wire: Wire::open(socket, target)?,
            number,
            out: codec::connect(target.version, client),
            partial: Vec::new(),
            begun: None,
            payload_left: 0,
            read: READ,
            interest: Interest::READ,
            is_paused: false,
            receive_maximum: u64::MAX,
        };
        let answer = link.ask(target)?;
        if answer[0] != codec::CONNACK || answer.get(3) != Some(&0) {
            return Err(codec::malformed(&format!(
                "CONNECT was answered {answer:02x?}"
            )));
        }
        link.receive_maximum = codec::receive_maximum(&answer).unwrap_or(u64::MAX);
        if let Some((filter, qos)) = filter {
            link.out = codec::subscribe(target.version, qos, filter);
            let answer = link.ask(target)?;
            if answer[0] != codec::SUBACK || answer.last() != Some(&(qos as u8)) {
                return Err(codec::malformed(&format!(
                    "SUBSCRIBE was answered {answer:02x?}"
                )));
            }
        }
        link.wire.socket().set_nonblocking(true)?;
        Ok(link)
    }

    /// Reads once into `scratch` and hands over every packet that is complete now; tells whether anything came.
    ///
    /// # Errors
    ///
    /// The peer has closed, or sends what is not MQTT.
    pub fn read(
        &mut self,
        scratch: &mut Vec<u8>,
        target: &Target,
        mut take: impl FnMut(&Packet, &mut Vec<u8>) -> io::Result<()>,
    ) -> io::Result<bool> {
        let kept = self.partial.len();
        if scratch.len() < kept + READ {
            scratch.resize(kept + READ, 0);
        }
        scratch[..kept].copy_from_slice(&self.partial);
        let read = if self.payload_left >= LARGE {
            self.wire.discard(&mut scratch[..READ], self.payload_left)
        } else {
            self.wire.read(&mut scratch[kept..kept + self.read])
        };
        let count = match read {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            other => other?,
        };
        // A message that has begun leaves nothing that is kept.
        let payload = count.min(self.payload_left);
        self.payload_left -= payload;
        if self.payload_left == 0 {
            if let Some(packet) = self.begun.take() {
                take(&packet, &mut self.out)?;
            }
        }
        let mut rest = &scratch[payload..kept + count];
        while let Some((packet, size)) = codec::first(rest, target.version)? {
            take(&packet, &mut self.out)?;
            rest = &rest[size..];
        }
        if let Some((packet, size)) = codec::begun(rest, target.version)? {
            self.begun = Some(packet);
            self.payload_left = size - rest.len();
            rest = &[];
        }
        self.partial.clear();
        self.partial.extend_from_slice(rest);
        Ok(true)
    }

    /// Writes what waits, as far as the socket takes it; for the rest the kernel will tell.
    pub fn flush(&mut self, readiness: &Readiness) -> io::Result<()> {
        let is_done = self.wire.write(&mut self.out)?;
        self.watch_for(readiness, !is_done)
    }

    /// Reads no more, or again.
    pub fn pause(&mut self, readiness: &Readiness, is_paused: bool) -> io::Result<()> {
        self.is_paused = is_paused;
        self.watch_for(readiness, self.interest.write)
    }

    /// Forgets the connection, whose number remains.
    pub fn end(&mut self, readiness: &Readiness) -> io::Result<()> {
        self.out.clear();
        readiness.remove(self.wire.socket())
    }

    /// Expects payloads of so many bytes: of large ones it reads only the begin, and the kernel discards the rest.
    pub fn expect(&mut self, payload: usize) {
        if payload >= LARGE && self.wire.can_discard() {
            self.read = 4 * 1024;
        }
    }

    /// Whether nothing waits to be written.
    pub fn is_idle(&self) -> bool {
        self.out.is_empty() && !self.interest.write
    }

    pub fn watch(&self, readiness: &Readiness) -> io::Result<()> {
        readiness.add(self.wire.socket(), self.number, self.interest)
    }

    fn watch_for(&mut self, readiness: &Readiness, write: bool) -> io::Result<()> {
        let interest = Interest {
            read: !self.is_paused,
            write,
        };
        if interest != self.interest {
            self.interest = interest;
            readiness.change(self.wire.socket(), self.number, interest)?;
        }
        Ok(())
    }

    /// Sends what is in `out` and waits for one packet.
    fn ask(&mut self, target: &Target) -> io::Result<Vec<u8>> {
        while !self.wire.write(&mut self.out)? {}
        let mut answer = Vec::new();
        // TLS does not read into less than a record.
        let mut bytes = vec![0; READ];
        loop {
            if let Some((_, size)) = codec::first(&answer, target.version)? {
                answer.truncate(size);
                return Ok(answer);
            }
            let count = self.wire.read(&mut bytes)?;
            answer.extend_from_slice(&bytes[..count]);
        }
    }
}

/// Bytes read at one time, unless payloads are large.
const READ: usize = 256 * 1024;
/// Bytes of a payload that are not worth copying.
const LARGE: usize = 16 * 1024;
/// How long the broker may take to answer while clients connect.
const PATIENCE: Duration = Duration::from_secs(20);
