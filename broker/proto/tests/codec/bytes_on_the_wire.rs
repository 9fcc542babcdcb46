// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Exact bytes, written by hand from the standards, so that encoder and decoder cannot agree on a fault.

use bytes::BytesMut;
use mqtt_proto::{
    Ack, Auth, ConnAck, Connect, Decoder, Disconnect, Packet, Property, Publish, PublishHead, QoS,
    Reason, RetainHandling, SubAck, Subscribe, SubscribeFilter, SubscribeOptions, Version, Will,
};

use crate::samples::{filter, id, plain_connect, properties, publish, topic};
use crate::transcript::{bytes_of, connected, fresh, hex};

#[test]
fn packets_have_the_bytes_of_the_standard() {
    for (version, packet, text) in table() {
        let bytes = hex(text);
        // Reserved bits [MQTT-2.1.3-1], in 3.1.1 [MQTT-2.2.2-1]; no identifier at QoS 0 [MQTT-2.2.1-2], in 3.1.1 [MQTT-2.3.1-5];
        // a length for no properties [MQTT-2.2.2-1]; order [MQTT-3.1.3-1], [MQTT-3.1.3-3], [MQTT-3.3.2-1], [MQTT-3.2.2-1].
        assert_eq!(bytes_of(&packet, version)[..], bytes[..], "{packet:?}");
        let mut decoder = match packet {
            Packet::Connect(_) => fresh(),
            Packet::ConnAck(_) | Packet::SubAck(_) => Decoder::client(version),
            _ => connected(version),
        };
        assert_eq!(
            decoder.decode(&mut BytesMut::from(&bytes[..])),
            Ok(Some(packet))
        );
    }
}

#[test]
fn a_length_takes_as_few_bytes_as_possible() {
    for (len, bytes) in [
        (127, &[0x7F][..]),
        (128, &[0x80, 0x01]),
        (16_383, &[0xFF, 0x7F]),
        (16_384, &[0x80, 0x80, 0x01]),
        (2_097_151, &[0xFF, 0xFF, 0x7F]),
        (2_097_152, &[0x80, 0x80, 0x80, 0x01]),
    ] {
        let payload_len = len - hex("00 03 'a/b'").len();
        let message = publish(QoS::AtMostOnce, b"");
        let head = PublishHead {
            dup: false,
            qos: message.qos,
            retain: false,
            topic: &message.topic,
            packet_id: None,
            properties: &message.properties,
            extra: &[],
        };
        let mut out = BytesMut::new();
        head.encode(Version::V311, payload_len, &mut out);
        assert_eq!(out[..], [&[0x30], bytes, &hex("00 03 'a/b'")].concat()); // [MQTT-1.5.5-1]
        assert_eq!(
            head.packet_len(Version::V311, payload_len),
            1 + bytes.len() + len
        );
    }
}

fn table() -> Vec<(Version, Packet, &'static str)> {
    let mut table = connects();
    table.extend(acknowledgements());
    table.extend(publishes());
    table.extend(subscriptions());
    table
}

fn connects() -> Vec<(Version, Packet, &'static str)> {
    let connect = |version| {
        Packet::Connect(Box::new(Connect {
            keep_alive: 10,
            username: Some("u".into()),
            will: Some(Will {
                topic: topic("w"),
                payload: "x".into(),
                qos: QoS::AtLeastOnce,
                retain: true,
                properties: properties(version, [Property::WillDelayInterval(258)]),
            }),
            properties: properties(version, [Property::ReceiveMaximum(20)]),
            ..plain_connect(version)
        }))
    };
    vec![
        (
            Version::V31,
            connect(Version::V31),
            "10 18 00 06 'MQIsdp' 03 AE 00 0A 00 01 'c' 00 01 'w' 00 01 'x' 00 01 'u'",
        ),
        (
            Version::V311,
            connect(Version::V311),
            "10 16 00 04 'MQTT' 04 AE 00 0A 00 01 'c' 00 01 'w' 00 01 'x' 00 01 'u'",
        ),
        (
            Version::V5,
            connect(Version::V5),
            "10 20 00 04 'MQTT' 05 AE 00 0A 03 21 00 14 00 01 'c' 05 18 00 00 01 02 00 01 'w' 00 01 'x' 00 01 'u'",
        ),
    ]
}

fn acknowledgements() -> Vec<(Version, Packet, &'static str)> {
    let connack = |session_present, reason| {
        Packet::ConnAck(ConnAck {
            session_present,
            reason,
            properties: properties(Version::V311, []),
        })
    };
    let auth = |reason| {
        Packet::Auth(Auth {
            reason,
            properties: properties(Version::V5, []),
        })
    };
    let ack = |reason| Ack::new(id(258), reason);
    vec![
        (Version::V31, connack(false, Reason::Success), "20 02 00 00"),
        (Version::V311, connack(true, Reason::Success), "20 02 01 00"),
        (
            Version::V311,
            connack(false, Reason::NotAuthorized),
            "20 02 00 05",
        ),
        (
            Version::V5,
            connack(false, Reason::NotAuthorized),
            "20 03 00 87 00",
        ),
        (
            Version::V311,
            Packet::PubAck(ack(Reason::Success)),
            "40 02 01 02",
        ),
        (
            Version::V311,
            Packet::PubRel(ack(Reason::Success)),
            "62 02 01 02",
        ),
        (
            Version::V5,
            Packet::PubRec(ack(Reason::Success)),
            "50 02 01 02",
        ),
        (
            Version::V5,
            Packet::PubComp(ack(Reason::PacketIdentifierNotFound)),
            "70 03 01 02 92",
        ),
        (
            Version::V5,
            Packet::PubAck(Ack {
                properties: properties(Version::V5, [Property::ReasonString("no".into())]),
                ..ack(Reason::NotAuthorized)
            }),
            "40 09 01 02 87 05 1F 00 02 'no'",
        ),
        (Version::V5, auth(Reason::Success), "F0 00"),
        (Version::V5, auth(Reason::ReAuthenticate), "F0 02 19 00"),
        (Version::V311, Packet::PingReq, "C0 00"),
        (
            Version::V311,
            Packet::Disconnect(Disconnect::new(Reason::Success)),
            "E0 00",
        ),
        (
            Version::V5,
            Packet::Disconnect(Disconnect::new(Reason::Success)),
            "E0 00",
        ),
        (
            Version::V5,
            Packet::Disconnect(Disconnect::new(Reason::DisconnectWithWill)),
            "E0 01 04",
        ),
    ]
}

fn publishes() -> Vec<(Version, Packet, &'static str)> {
    let repeated = Publish {
        dup: true,
        retain: true,
        ..publish(QoS::ExactlyOnce, b"hi")
    };
    let with_properties = Publish {
        properties: properties(
            Version::V5,
            [
                Property::MessageExpiryInterval(1),
                Property::UserProperty("k".into(), "v".into()),
            ],
        ),
        ..publish(QoS::AtLeastOnce, b"hi")
    };
    vec![
        (
            Version::V311,
            Packet::Publish(publish(QoS::AtMostOnce, b"hi")),
            "30 07 00 03 'a/b' 'hi'",
        ),
        (
            Version::V5,
            Packet::Publish(publish(QoS::AtMostOnce, b"hi")),
            "30 08 00 03 'a/b' 00 'hi'",
        ),
        (
            Version::V311,
            Packet::Publish(repeated.clone()),
            "3D 09 00 03 'a/b' 12 34 'hi'",
        ),
        (
            Version::V31,
            Packet::Publish(repeated),
            "3D 09 00 03 'a/b' 12 34 'hi'",
        ),
        (
            Version::V5,
            Packet::Publish(with_properties),
            "32 16 00 03 'a/b' 12 34 0C 02 00 00 00 01 26 00 01 'k' 00 01 'v' 'hi'",
        ),
    ]
}

fn subscriptions() -> Vec<(Version, Packet, &'static str)> {
    let subscribe = |version, options| {
        Packet::Subscribe(Subscribe {
            packet_id: id(1),
            properties: properties(version, [Property::SubscriptionIdentifier(128)]),
            filters: vec![SubscribeFilter {
                filter: filter("a/+"),
                options,
            }],
        })
    };
    let plain = SubscribeOptions {
        qos: QoS::AtLeastOnce,
        ..SubscribeOptions::default()
    };
    let full = SubscribeOptions {
        qos: QoS::ExactlyOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::DoNotSend,
    };
    let suback = |version| {
        Packet::SubAck(SubAck {
            packet_id: id(1),
            properties: properties(version, []),
            reasons: vec![Reason::GrantedQoS2, Reason::UnspecifiedError],
        })
    };
    vec![
        (
            Version::V311,
            subscribe(Version::V311, plain),
            "82 08 00 01 00 03 'a/+' 01",
        ),
        (
            Version::V5,
            subscribe(Version::V5, full),
            "82 0C 00 01 03 0B 80 01 00 03 'a/+' 2E",
        ),
        (Version::V311, suback(Version::V311), "90 04 00 01 02 80"),
        (Version::V5, suback(Version::V5), "90 05 00 01 00 02 80"),
    ]
}
