// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A sample of every packet in every shape, for all versions from one body.

use mqtt_proto::{
    Ack, Auth, ByteString, Bytes, ConnAck, Connect, Disconnect, Filter, Packet, PacketId, Password,
    Properties, Property, Publish, QoS, Reason, RetainHandling, SubAck, Subscribe, SubscribeFilter,
    SubscribeOptions, Topic, UnsubAck, Unsubscribe, Version, Will,
};

/// Every version, for tests that run the same body for each.
pub const VERSIONS: [Version; 3] = Version::ALL;

/// Everything a client may send, the CONNECTs first.
pub fn from_client(version: Version) -> Vec<Packet> {
    let mut packets = connects(version);
    packets.extend(both_ways(version));
    packets.extend([
        Packet::Subscribe(subscribe(version)),
        Packet::Unsubscribe(Unsubscribe {
            packet_id: id(11),
            properties: properties(version, [user("a", "1"), user("a", "1")]),
            filters: vec![filter("a/+"), filter("$share/g/b/#")],
        }),
        Packet::PingReq,
        Packet::Disconnect(Disconnect::new(Reason::Success)),
    ]);
    if version == Version::V5 {
        packets.push(Packet::Disconnect(Disconnect::new(
            Reason::DisconnectWithWill,
        )));
        packets.push(Packet::Disconnect(Disconnect {
            reason: Reason::Success,
            properties: [Property::SessionExpiryInterval(7)].into_iter().collect(),
        }));
        packets.push(auth(Reason::ReAuthenticate));
    }
    packets
}

/// Everything a server may send.
pub fn from_server(version: Version) -> Vec<Packet> {
    let mut packets = both_ways(version);
    packets.extend([
        Packet::ConnAck(ConnAck {
            session_present: version > Version::V31,
            reason: Reason::Success,
            properties: properties(version, every_connack_property()),
        }),
        Packet::ConnAck(ConnAck {
            session_present: false,
            reason: Reason::BadUserNameOrPassword,
            properties: Properties::new(),
        }),
        Packet::SubAck(SubAck {
            packet_id: id(10),
            properties: properties(version, [reason_string("partly")]),
            reasons: vec![
                Reason::Success,
                Reason::GrantedQoS1,
                Reason::GrantedQoS2,
                Reason::UnspecifiedError,
            ],
        }),
        Packet::UnsubAck(UnsubAck {
            packet_id: id(11),
            properties: properties(version, [reason_string("partly")]),
            reasons: match version {
                Version::V5 => vec![Reason::Success, Reason::NoSubscriptionExisted],
                _ => vec![],
            },
        }),
        Packet::PingResp,
    ]);
    if version == Version::V5 {
        packets.push(Packet::Disconnect(Disconnect {
            reason: Reason::ServerMoved,
            properties: [Property::ServerReference("other".into())]
                .into_iter()
                .collect(),
        }));
        packets.push(auth(Reason::ContinueAuthentication));
        packets.push(Packet::Auth(Auth {
            reason: Reason::Success,
            properties: Properties::new(),
        }));
        packets.push(Packet::Publish(Publish {
            properties: [1, 268_435_455]
                .map(Property::SubscriptionIdentifier)
                .into_iter()
                .collect(),
            ..publish(QoS::AtMostOnce, b"two subscriptions")
        }));
    }
    packets
}

/// A CONNECT with nothing optional.
pub fn plain_connect(version: Version) -> Connect {
    Connect::new(version, "c")
}

/// A PUBLISH without flags and properties, with an identifier where the QoS needs one.
pub fn publish(qos: QoS, payload: &'static [u8]) -> Publish {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic: topic("a/b"),
        packet_id: (qos > QoS::AtMostOnce).then(|| id(0x1234)),
        properties: Properties::new(),
        payload: Bytes::from_static(payload),
        format_invalid: false,
    }
}

pub fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

pub fn topic(name: &'static str) -> Topic {
    Topic::new(ByteString::from_static(name)).unwrap()
}

pub fn filter(text: &'static str) -> Filter {
    Filter::new(ByteString::from_static(text)).unwrap()
}

/// The properties in version 5, none before.
pub fn properties<const N: usize>(version: Version, list: [Property; N]) -> Properties {
    match version {
        Version::V5 => list.into_iter().collect(),
        _ => Properties::new(),
    }
}

fn connects(version: Version) -> Vec<Packet> {
    let full = Connect {
        client_id: "ünï".into(),
        clean_start: false,
        keep_alive: 65535,
        username: Some("mqtt".into()),
        password: Some(Password::new(Bytes::from_static(b"\x00secret\xFF"))),
        will: Some(will(version)),
        properties: properties(version, every_connect_property()),
        ..plain_connect(version)
    };
    let without_password = Connect {
        password: None,
        ..full.clone()
    };
    let without_will = Connect {
        will: None,
        ..full.clone()
    };
    let unretained = Connect {
        will: Some(Will {
            qos: QoS::AtMostOnce,
            retain: false,
            ..will(version)
        }),
        ..full.clone()
    };
    let mut connects = vec![
        plain_connect(version),
        full,
        without_password,
        without_will,
        unretained,
    ];
    if version == Version::V5 {
        let password = Some(Password::new(Bytes::from_static(b"only")));
        connects.push(Connect {
            password,
            ..plain_connect(version)
        });
    }
    connects
        .into_iter()
        .map(|connect| Packet::Connect(Box::new(connect)))
        .collect()
}

pub fn will(version: Version) -> Will {
    Will {
        topic: topic("clients/c"),
        payload: Bytes::from_static(b"gone"),
        qos: QoS::ExactlyOnce,
        retain: true,
        properties: properties(
            version,
            [
                Property::WillDelayInterval(5),
                Property::PayloadFormatIndicator(true),
                user("k", "v"),
            ],
        ),
    }
}

fn both_ways(version: Version) -> Vec<Packet> {
    let mut packets = vec![
        Packet::Publish(publish(QoS::AtMostOnce, b"")),
        Packet::Publish(Publish {
            dup: true,
            retain: true,
            properties: properties(version, every_publish_property()),
            ..publish(QoS::AtLeastOnce, b"hello")
        }),
        Packet::Publish(publish(QoS::ExactlyOnce, &[0xA5; 70_000])),
        Packet::Publish(Publish {
            dup: true,
            ..publish(QoS::AtLeastOnce, b"again")
        }),
        Packet::Publish(Publish {
            retain: true,
            ..publish(QoS::AtLeastOnce, b"kept")
        }),
    ];
    for wrap in [
        Packet::PubAck,
        Packet::PubRec,
        Packet::PubRel,
        Packet::PubComp,
    ] {
        packets.push(wrap(Ack::new(id(1), Reason::Success)));
        packets.push(wrap(Ack {
            properties: properties(version, [reason_string("because"), user("k", "v")]),
            ..Ack::new(id(65535), Reason::Success)
        }));
    }
    if version == Version::V5 {
        packets.push(Packet::PubAck(Ack::new(id(2), Reason::NotAuthorized)));
        packets.push(Packet::PubComp(Ack::new(
            id(2),
            Reason::PacketIdentifierNotFound,
        )));
        packets.push(Packet::Publish(Publish {
            topic: Topic::empty(),
            properties: [Property::TopicAlias(3)].into_iter().collect(),
            ..publish(QoS::AtMostOnce, b"by alias")
        }));
    }
    packets
}

fn subscribe(version: Version) -> Subscribe {
    let plain = |qos| SubscribeOptions {
        qos,
        ..SubscribeOptions::default()
    };
    let mut filters = vec![
        SubscribeFilter {
            filter: filter("#"),
            options: plain(QoS::AtMostOnce),
        },
        SubscribeFilter {
            filter: filter("+/b"),
            options: plain(QoS::AtLeastOnce),
        },
        SubscribeFilter {
            filter: filter("$share/g/c"),
            options: plain(QoS::ExactlyOnce),
        },
    ];
    if version == Version::V5 {
        for retain_handling in [RetainHandling::SendIfNew, RetainHandling::DoNotSend] {
            let options = SubscribeOptions {
                qos: QoS::ExactlyOnce,
                no_local: true,
                retain_as_published: true,
                retain_handling,
            };
            filters.push(SubscribeFilter {
                filter: filter("d"),
                options,
            });
        }
    }
    let properties = properties(
        version,
        [Property::SubscriptionIdentifier(200), user("", "")],
    );
    Subscribe {
        packet_id: id(10),
        properties,
        filters,
    }
}

fn auth(reason: Reason) -> Packet {
    let properties = [
        Property::AuthenticationMethod("SCRAM".into()),
        Property::AuthenticationData(Bytes::from_static(b"\x00\x01")),
        reason_string("next step"),
    ];
    Packet::Auth(Auth {
        reason,
        properties: properties.into_iter().collect(),
    })
}

fn every_connect_property() -> [Property; 9] {
    [
        Property::SessionExpiryInterval(u32::MAX),
        Property::AuthenticationMethod("SCRAM".into()),
        Property::AuthenticationData(Bytes::from_static(b"\x00")),
        Property::RequestProblemInformation(false),
        Property::RequestResponseInformation(true),
        Property::ReceiveMaximum(1),
        Property::TopicAliasMaximum(65535),
        Property::MaximumPacketSize(1),
        user("name", "värde"),
    ]
}

fn every_publish_property() -> [Property; 8] {
    [
        Property::PayloadFormatIndicator(true),
        Property::MessageExpiryInterval(60),
        Property::ContentType("text/plain".into()),
        Property::ResponseTopic("answer/here".into()),
        Property::CorrelationData(Bytes::from_static(b"\x01\x02")),
        Property::TopicAlias(0),
        user("same", "1"),
        user("same", "2"),
    ]
}

fn every_connack_property() -> [Property; 17] {
    [
        Property::SessionExpiryInterval(0),
        Property::ReceiveMaximum(20),
        Property::MaximumQoS(1),
        Property::RetainAvailable(false),
        Property::MaximumPacketSize(1_000_000),
        Property::AssignedClientIdentifier("auto-1".into()),
        Property::TopicAliasMaximum(0),
        reason_string("fine"),
        user("k", "v"),
        Property::WildcardSubscriptionAvailable(true),
        Property::SubscriptionIdentifierAvailable(true),
        Property::SharedSubscriptionAvailable(false),
        Property::ServerKeepAlive(30),
        Property::ResponseInformation("r/".into()),
        Property::ServerReference("other".into()),
        Property::AuthenticationMethod("SCRAM".into()),
        Property::AuthenticationData(Bytes::from_static(b"\x02")),
    ]
}

pub fn user(name: &'static str, value: &'static str) -> Property {
    Property::UserProperty(name.into(), value.into())
}

pub fn reason_string(text: &'static str) -> Property {
    Property::ReasonString(text.into())
}
