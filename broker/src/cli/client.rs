// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A small blocking MQTT 5 client for `broker pub` and `broker sub`.

mod error;
mod stream;
mod tls;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use mqtt_proto::{
    Ack, Connect, Decoder, Disconnect, Packet, PacketId, Password, Properties, Publish, QoS,
    Reason, RetainHandling, Subscribe, SubscribeFilter, SubscribeOptions, Topic, Version, encode,
};

use super::arguments::Target;
pub use error::ClientError;
use stream::Stream;

/// One connection with a clean session.
pub struct Client {
    stream: Stream,
    decoder: Decoder,
    received: BytesMut,
    last_sent: Instant,
    /// A PINGREQ is not answered yet.
    pinged: bool,
    /// QoS 2 messages that were taken and not yet released by the broker.
    unreleased: HashSet<PacketId>,
}

impl Client {
    /// Connects and logs in.
    pub fn connect(target: &Target) -> Result<Self, ClientError> {
        let mut client = Self {
            stream: Stream::connect(target)?,
            decoder: Decoder::client(Version::V5),
            received: BytesMut::new(),
            last_sent: Instant::now(),
            pinged: false,
            unreleased: HashSet::new(),
        };
        client.send(&Packet::Connect(Box::new(hello(target))))?;
        match client.receive()? {
            Packet::ConnAck(ack) if ack.reason.is_error() => {
                Err(refused("the connection", ack.reason, &ack.properties))
            }
            Packet::ConnAck(_) => Ok(client),
            other => Err(ClientError::Unexpected(other.name())),
        }
    }

    /// Publishes one message and waits until the broker has taken it as its QoS says.
    pub fn publish(
        &mut self,
        topic: Topic,
        payload: Bytes,
        qos: QoS,
        retain: bool,
    ) -> Result<(), ClientError> {
        let packet_id = (qos > QoS::AtMostOnce).then_some(PacketId::MIN);
        let properties = Properties::new();
        self.send(&Packet::Publish(Publish {
            dup: false,
            qos,
            retain,
            topic,
            packet_id,
            properties,
            payload,
            format_invalid: false,
        }))?;
        let Some(packet_id) = packet_id else {
            return Ok(());
        };
        loop {
            match self.receive()? {
                Packet::PubAck(ack) | Packet::PubComp(ack) => return judge("the message", ack),
                Packet::PubRec(ack) => {
                    judge("the message", ack)?;
                    self.send(&Packet::PubRel(Ack::new(packet_id, Reason::Success)))?;
                }
                other => return Err(ClientError::Unexpected(other.name())),
            }
        }
    }

    /// Subscribes; it is an error if the broker refuses one of the filters.
    pub fn subscribe(
        &mut self,
        filters: Vec<mqtt_proto::Filter>,
        qos: QoS,
    ) -> Result<(), ClientError> {
        let options = SubscribeOptions {
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::Send,
        };
        let names: Vec<String> = filters
            .iter()
            .map(|filter| filter.as_str().to_owned())
            .collect();
        let filters = filters
            .into_iter()
            .map(|filter| SubscribeFilter { filter, options })
            .collect();
        let packet_id = PacketId::MIN;
        self.send(&Packet::Subscribe(Subscribe {
            packet_id,
            properties: Properties::new(),
            filters,
        }))?;
        match self.receive()? {
            Packet::SubAck(ack) => match ack
                .reasons
                .iter()
                .zip(names)
                .find(|(reason, _)| reason.is_error())
            {
                Some((reason, name)) => Err(refused(
                    &format!("the subscription to {name}"),
                    *reason,
                    &ack.properties,
                )),
                None => Ok(()),
            },
            other => Err(ClientError::Unexpected(other.name())),
        }
    }

    /// Waits for the next message and acknowledges it; a QoS 2 message comes once.
    pub fn next_message(&mut self) -> Result<Publish, ClientError> {
        loop {
            match self.receive()? {
                Packet::Publish(publish) => {
                    if self.acknowledge(&publish)? {
                        return Ok(publish);
                    }
                }
                Packet::PubRel(ack) => {
                    self.unreleased.remove(&ack.packet_id);
                    self.send(&Packet::PubComp(Ack::new(ack.packet_id, Reason::Success)))?;
                }
                other => return Err(ClientError::Unexpected(other.name())),
            }
        }
    }

    /// Ends the connection in good order.
    pub fn disconnect(mut self) -> Result<(), ClientError> {
        self.send(&Packet::Disconnect(Disconnect {
            reason: Reason::Success,
            properties: Properties::new(),
        }))?;
        self.stream.close()
    }

    /// Whether the message is a new one.
    fn acknowledge(&mut self, publish: &Publish) -> Result<bool, ClientError> {
        match (publish.qos, publish.packet_id) {
            (QoS::AtLeastOnce, Some(id)) => self
                .send(&Packet::PubAck(Ack::new(id, Reason::Success)))
                .map(|()| true),
            (QoS::ExactlyOnce, Some(id)) => {
                self.send(&Packet::PubRec(Ack::new(id, Reason::Success)))?;
                Ok(self.unreleased.insert(id))
            }
            _ => Ok(true),
        }
    }

    fn send(&mut self, packet: &Packet) -> Result<(), ClientError> {
        let mut bytes = BytesMut::new();
        encode(packet, Version::V5, &mut bytes);
        self.stream.send(bytes.freeze())?;
        self.last_sent = Instant::now();
        Ok(())
    }

    /// The next packet that is neither a ping's answer nor the end of the connection.
    fn receive(&mut self) -> Result<Packet, ClientError> {
        loop {
            // No packet of a broker begins like this.
            if self.received.starts_with(b"HTTP/") {
                return Err(ClientError::Http);
            }
            match self
                .decoder
                .decode(&mut self.received)
                .map_err(ClientError::Malformed)?
            {
                Some(Packet::PingResp) => self.pinged = false,
                Some(Packet::Disconnect(end)) => {
                    return Err(refused("to go on", end.reason, &end.properties));
                }
                Some(packet) => return Ok(packet),
                None => self.read()?,
            }
        }
    }

    /// Reads some bytes; keeps the connection alive while nothing comes.
    fn read(&mut self) -> Result<(), ClientError> {
        if self.last_sent.elapsed() >= PING_AFTER {
            self.ping()?;
        }
        let silent = !self.stream.receive(&mut self.received, PING_AFTER)?;
        match (silent, self.pinged) {
            (true, true) => Err(ClientError::Silent),
            (true, false) => self.ping(),
            (false, _) => Ok(()),
        }
    }

    fn ping(&mut self) -> Result<(), ClientError> {
        self.pinged = true;
        self.send(&Packet::PingReq)
    }
}

fn hello(target: &Target) -> Connect {
    Connect {
        keep_alive: KEEP_ALIVE,
        username: target.username.as_deref().map(ByteString::from),
        password: target
            .password
            .clone()
            .map(|password| Password::new(Bytes::from(password))),
        ..Connect::new(Version::V5, target.client_id.as_str())
    }
}

fn judge(what: &str, ack: Ack) -> Result<(), ClientError> {
    if ack.reason.is_error() {
        Err(refused(what, ack.reason, &ack.properties))
    } else {
        Ok(())
    }
}

fn refused(what: &str, reason: Reason, properties: &Properties) -> ClientError {
    let explanation = properties.reason_string().map(|text| text.to_string());
    ClientError::Refused {
        what: what.to_owned(),
        reason,
        explanation,
    }
}

/// Seconds without a packet from us after which the broker may give up on us.
const KEEP_ALIVE: u16 = 60;
const PING_AFTER: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
