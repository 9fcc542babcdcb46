// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One connection to a broker: packets in and out over TCP, every wait bounded.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use mqtt_proto::{BytesMut, ConnAck, Connect, Decoder, Packet, Version, encode};
use tests::IntoPacket;

/// The connection is over, or the broker does not answer in time.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    #[error("the connection ended")]
    Ended,
    #[error("the broker sent what is no packet: {0}")]
    Nonsense(#[from] mqtt_proto::DecodeError),
    #[error("no {0} within {1:?}")]
    Silent(&'static str, Duration),
    #[error("the connection was refused: {0:?}")]
    Refused(mqtt_proto::Reason),
}

pub struct Link {
    socket: TcpStream,
    decoder: Decoder,
    version: Version,
    incoming: BytesMut,
    outgoing: BytesMut,
}

impl Link {
    /// Connects and waits for the CONNACK.
    pub fn open(address: SocketAddr, connect: Connect) -> Result<(Self, ConnAck), Lost> {
        let socket = TcpStream::connect_timeout(&address, PATIENCE).map_err(|_| Lost::Ended)?;
        let set = socket
            .set_nodelay(true)
            .and_then(|()| socket.set_read_timeout(Some(GLANCE)))
            .and_then(|()| socket.set_write_timeout(Some(PATIENCE)));
        set.map_err(|_| Lost::Ended)?;
        let version = connect.version;
        let mut link = Self {
            socket,
            decoder: Decoder::client(version),
            version,
            incoming: BytesMut::new(),
            outgoing: BytesMut::new(),
        };
        link.send(connect)?;
        link.flush()?;
        match link.expect("CONNACK", |packet| matches!(packet, Packet::ConnAck(_)))? {
            Packet::ConnAck(answer) if answer.reason.is_error() => {
                Err(Lost::Refused(answer.reason))
            }
            Packet::ConnAck(answer) => Ok((link, answer)),
            _ => Err(Lost::Ended),
        }
    }

    /// Queues a packet, which leaves with the next [`Self::flush`].
    pub fn send(&mut self, packet: impl IntoPacket) -> Result<(), Lost> {
        encode(&packet.into_packet(), self.version, &mut self.outgoing);
        Ok(())
    }

    pub fn flush(&mut self) -> Result<(), Lost> {
        let written = self.socket.write_all(&self.outgoing);
        self.outgoing.clear();
        written.map_err(|_| Lost::Ended)
    }

    /// The next packet, if one comes at once or within a glance; what was queued leaves first if nothing is there.
    pub fn receive(&mut self) -> Result<Option<Packet>, Lost> {
        if let Some(packet) = self.decoder.decode(&mut self.incoming)? {
            return Ok(Some(packet));
        }
        if !self.outgoing.is_empty() {
            self.flush()?;
        }
        let mut buffer = [0; 16_384];
        match self.socket.read(&mut buffer) {
            Ok(0) => Err(Lost::Ended),
            Ok(length) => {
                self.incoming.extend_from_slice(&buffer[..length]);
                Ok(self.decoder.decode(&mut self.incoming)?)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Ok(None)
            }
            Err(_) => Err(Lost::Ended),
        }
    }

    /// The first packet that is wanted; others are dropped.
    pub fn expect(
        &mut self,
        name: &'static str,
        wanted: impl Fn(&Packet) -> bool,
    ) -> Result<Packet, Lost> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(packet) = self.receive()?.filter(&wanted) {
                return Ok(packet);
            }
        }
        Err(Lost::Silent(name, PATIENCE))
    }
}

/// The longest that an answer may take.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// How long a look at the socket takes where nothing comes.
const GLANCE: Duration = Duration::from_millis(5);
