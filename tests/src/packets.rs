// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Packets in one line, with the values that most dialogues want; struct update syntax changes the others.

use bytes::Bytes;
use bytestring::ByteString;
use mqtt_proto::{
    Ack, Auth, ConnAck, Connect, Disconnect, Filter, Packet, PacketId, Password, Properties,
    Property, Publish, QoS, Reason, RetainHandling, SubAck, Subscribe, SubscribeFilter,
    SubscribeOptions, Topic, UnsubAck, Unsubscribe, Version, Will,
};

/// Whatever stands for one packet.
pub trait IntoPacket {
    fn into_packet(self) -> Packet;
}

/// CONNECT of a client whose session ends with the connection, without keep alive.
pub fn connect(version: Version, client_id: &str) -> Connect {
    Connect::new(version, client_id)
}

/// CONNECT of a client whose session outlives the connection: continues it where there is one.
pub fn resume(version: Version, client_id: &str) -> Connect {
    let forever = properties([Property::SessionExpiryInterval(u32::MAX)]);
    Connect {
        clean_start: false,
        properties: if version == Version::V5 {
            forever
        } else {
            Properties::new()
        },
        ..connect(version, client_id)
    }
}

/// The same CONNECT with a login.
pub fn login(connect: Connect, username: &str, password: &str) -> Connect {
    Connect {
        username: Some(ByteString::from(username)),
        password: Some(Password::new(Bytes::copy_from_slice(password.as_bytes()))),
        ..connect
    }
}

/// A will of QoS 0 that is not retained.
pub fn will(topic_name: &str, payload: &str) -> Will {
    Will {
        topic: topic(topic_name),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        qos: QoS::AtMostOnce,
        retain: false,
        properties: Properties::new(),
    }
}

pub fn connack(session_present: bool) -> ConnAck {
    ConnAck {
        session_present,
        reason: Reason::Success,
        properties: Properties::new(),
    }
}

pub fn refusal(reason: Reason) -> ConnAck {
    ConnAck {
        session_present: false,
        reason,
        properties: Properties::new(),
    }
}

/// PUBLISH of QoS 0.
pub fn publish(topic_name: &str, payload: impl AsRef<[u8]>) -> Publish {
    Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: topic(topic_name),
        packet_id: None,
        properties: Properties::new(),
        payload: Bytes::copy_from_slice(payload.as_ref()),
        format_invalid: false,
    }
}

/// PUBLISH of `qos`; `id` counts only above QoS 0.
pub fn publish_at(qos: QoS, id: u16, topic_name: &str, payload: impl AsRef<[u8]>) -> Publish {
    let packet_id = (qos > QoS::AtMostOnce).then(|| packet_id(id));
    Publish {
        qos,
        packet_id,
        ..publish(topic_name, payload)
    }
}

pub fn puback(id: u16) -> Packet {
    Packet::PubAck(Ack::new(packet_id(id), Reason::Success))
}

pub fn pubrec(id: u16) -> Packet {
    Packet::PubRec(Ack::new(packet_id(id), Reason::Success))
}

pub fn pubrel(id: u16) -> Packet {
    Packet::PubRel(Ack::new(packet_id(id), Reason::Success))
}

pub fn pubcomp(id: u16) -> Packet {
    Packet::PubComp(Ack::new(packet_id(id), Reason::Success))
}

/// SUBSCRIBE to one filter with the options of MQTT 3.
pub fn subscribe(id: u16, filter_name: &str, qos: QoS) -> Subscribe {
    subscribe_with(id, filter_name, options(qos))
}

pub fn subscribe_with(id: u16, filter_name: &str, options: SubscribeOptions) -> Subscribe {
    Subscribe {
        packet_id: packet_id(id),
        properties: Properties::new(),
        filters: vec![SubscribeFilter {
            filter: filter(filter_name),
            options,
        }],
    }
}

pub fn options(qos: QoS) -> SubscribeOptions {
    SubscribeOptions {
        qos,
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::Send,
    }
}

pub fn suback(id: u16, reasons: impl IntoIterator<Item = Reason>) -> SubAck {
    SubAck {
        packet_id: packet_id(id),
        properties: Properties::new(),
        reasons: reasons.into_iter().collect(),
    }
}

pub fn unsubscribe(id: u16, filter_name: &str) -> Unsubscribe {
    Unsubscribe {
        packet_id: packet_id(id),
        properties: Properties::new(),
        filters: vec![filter(filter_name)],
    }
}

pub fn unsuback(id: u16, reason: Reason) -> UnsubAck {
    UnsubAck {
        packet_id: packet_id(id),
        properties: Properties::new(),
        reasons: vec![reason],
    }
}

pub fn disconnect(reason: Reason) -> Disconnect {
    Disconnect {
        reason,
        properties: Properties::new(),
    }
}

/// The reason code that grants `qos`.
pub fn granted(qos: QoS) -> Reason {
    match qos {
        QoS::AtMostOnce => Reason::Success,
        QoS::AtLeastOnce => Reason::GrantedQoS1,
        QoS::ExactlyOnce => Reason::GrantedQoS2,
    }
}

pub fn properties(list: impl IntoIterator<Item = Property>) -> Properties {
    list.into_iter().collect()
}

pub fn topic(name: &str) -> Topic {
    Topic::new(ByteString::from(name)).expect("a test's topic is valid")
}

pub fn filter(name: &str) -> Filter {
    Filter::new(ByteString::from(name)).expect("a test's filter is valid")
}

pub fn packet_id(id: u16) -> PacketId {
    PacketId::new(id).expect("a test's packet identifier is not zero")
}

impl IntoPacket for Packet {
    fn into_packet(self) -> Packet {
        self
    }
}

impl IntoPacket for Connect {
    fn into_packet(self) -> Packet {
        Packet::Connect(Box::new(self))
    }
}

/// Packets whose variant holds the type itself.
macro_rules! into_packet {
    ($($variant:ident($type:ty)),*) => {
        $(impl IntoPacket for $type {
            fn into_packet(self) -> Packet {
                Packet::$variant(self)
            }
        })*
    };
}

into_packet!(
    ConnAck(ConnAck),
    Publish(Publish),
    Subscribe(Subscribe),
    SubAck(SubAck),
    Unsubscribe(Unsubscribe),
    UnsubAck(UnsubAck),
    Disconnect(Disconnect),
    Auth(Auth)
);
