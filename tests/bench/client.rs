// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A client on a blocking socket, for what is not a stream of messages: many connections, many filters, what is kept.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use mqtt_proto::{Connect, Version, encode};
use tests::IntoPacket;

/// One connection; MQTT 3.1.1.
pub struct Client {
    socket: TcpStream,
    received: BytesMut,
    unsent: BytesMut,
}

/// A packet as it came.
pub struct Frame {
    /// Type and flags.
    pub first: u8,
    pub body: BytesMut,
}

impl Client {
    /// Connects and waits until it is let in.
    pub fn connect(address: SocketAddr, connect: Connect) -> io::Result<Self> {
        let mut client = Self::open(address, connect)?;
        client.accepted()?;
        Ok(client)
    }

    /// Connects and sends CONNECT, without waiting for the answer.
    pub fn open(address: SocketAddr, connect: Connect) -> io::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(SILENCE))?;
        socket.set_write_timeout(Some(SILENCE))?;
        let mut client = Self {
            socket,
            received: BytesMut::new(),
            unsent: BytesMut::new(),
        };
        // rumqttd takes no client that would be silent for ever.
        client.put(Connect {
            keep_alive: KEEP_ALIVE,
            ..connect
        });
        client.flush()?;
        Ok(client)
    }

    /// Waits for CONNACK, which must let the client in.
    pub fn accepted(&mut self) -> io::Result<()> {
        let frame = self.next()?;
        match (frame.first, frame.body.get(1)) {
            (CONNACK, Some(0)) => Ok(()),
            (first, code) => Err(io::Error::other(format!(
                "CONNECT is answered by packet {first:#04x}, code {code:?}"
            ))),
        }
    }

    /// Sends nothing before [`Self::flush`].
    pub fn put(&mut self, packet: impl IntoPacket) {
        encode(&packet.into_packet(), Version::V311, &mut self.unsent);
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.socket.write_all(&self.unsent)?;
        // Thousands of clients stay idle: none keeps a buffer.
        self.unsent = BytesMut::new();
        Ok(())
    }

    /// The next packet; fails after ten seconds without any.
    pub fn next(&mut self) -> io::Result<Frame> {
        loop {
            if let Some(frame) = cut(&mut self.received) {
                return Ok(frame);
            }
            let mut chunk = [0; 64 * 1024];
            match self.socket.read(&mut chunk) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => self.received.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The next packet of this type; others are passed over.
    pub fn next_of(&mut self, kind: u8) -> io::Result<Frame> {
        loop {
            let frame = self.next()?;
            if frame.first & 0xf0 == kind {
                return Ok(frame);
            }
        }
    }

    /// Gives up earlier than usual when nothing comes.
    pub fn be_impatient(&self, silence: Duration) -> io::Result<()> {
        self.socket.set_read_timeout(Some(silence))
    }

    /// Waits for SUBACK, which must grant every filter.
    pub fn subscribed(&mut self) -> io::Result<()> {
        let answer = self.next_of(SUBACK)?;
        if answer.body.iter().skip(2).any(|code| *code >= 0x80) {
            return Err(io::Error::other("a subscription is refused"));
        }
        Ok(())
    }

    /// Says good-bye.
    pub fn leave(mut self) -> io::Result<()> {
        self.unsent.extend_from_slice(&[DISCONNECT, 0]);
        self.flush()
    }
}

impl Frame {
    /// The packet identifier of a PUBLISH above QoS 0.
    pub fn publish_id(&self) -> Option<u16> {
        let at = 2 + usize::from(u16::from_be_bytes([
            *self.body.first()?,
            *self.body.get(1)?,
        ]));
        Some(u16::from_be_bytes([
            *self.body.get(at)?,
            *self.body.get(at + 1)?,
        ]))
    }

    /// The payload of a PUBLISH above QoS 0.
    pub fn payload(&self) -> &[u8] {
        let topic = self.body.get(..2).map_or(0, |length| {
            usize::from(u16::from_be_bytes([length[0], length[1]]))
        });
        self.body.get(topic + 4..).unwrap_or_default()
    }
}

/// Takes the first complete packet out of what was received.
fn cut(received: &mut BytesMut) -> Option<Frame> {
    let first = *received.first()?;
    let mut length = 0;
    let mut used = 1;
    loop {
        let byte = *received.get(used)?;
        length |= usize::from(byte & 0x7f) << (7 * (used - 1));
        used += 1;
        if byte & 0x80 == 0 || used > 4 {
            break;
        }
    }
    if received.len() < used + length {
        return None;
    }
    received.advance(used);
    Some(Frame {
        first,
        body: received.split_to(length),
    })
}

pub const PUBLISH: u8 = 0x30;
pub const PUBACK: u8 = 0x40;
const CONNACK: u8 = 0x20;
const SUBACK: u8 = 0x90;
const DISCONNECT: u8 = 0xe0;
/// Seconds, longer than anything here takes.
const KEEP_ALIVE: u16 = 600;
/// A broker that is silent for so long has lost something.
const SILENCE: Duration = Duration::from_secs(10);
