// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The property table against section 2.2.2.2 of the standard: identifier, form and places.

use bytes::BytesMut;
use mqtt_proto::{Bytes, DecodeError, Decoder, Fault, Properties, Property, Version};

use crate::samples::user;
use crate::transcript::{connected, fresh, hex};

#[test]
fn a_property_has_the_identifier_form_and_places_of_the_standard() {
    for (property, text, places) in table() {
        let block = hex(text);
        for (place, frame) in PLACES {
            let expected = places.split(' ').any(|name| name == place);
            assert_eq!(
                decode_at(frame, &block),
                expected.then(|| [property.clone()].into_iter().collect()),
                "{} in {place}",
                property.name()
            );
        }
    }
}

#[rustfmt::skip]
fn table() -> Vec<(Property, &'static str, &'static str)> {
    use Property::*;
    let every_place = "CONNECT WILL CONNACK PUBLISH PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK UNSUBSCRIBE UNSUBACK DISCONNECT AUTH";
    let answers = "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH";
    vec![
        (PayloadFormatIndicator(true), "01 01", "PUBLISH WILL"),
        (MessageExpiryInterval(0x0102_0304), "02 01 02 03 04", "PUBLISH WILL"),
        (ContentType("x".into()), "03 00 01 'x'", "PUBLISH WILL"),
        (ResponseTopic("x".into()), "08 00 01 'x'", "PUBLISH WILL"),
        (CorrelationData(Bytes::from_static(&[0, 255])), "09 00 02 00 FF", "PUBLISH WILL"),
        (SubscriptionIdentifier(128), "0B 80 01", "PUBLISH SUBSCRIBE"),
        (SessionExpiryInterval(u32::MAX), "11 FF FF FF FF", "CONNECT CONNACK DISCONNECT"),
        (AssignedClientIdentifier("x".into()), "12 00 01 'x'", "CONNACK"),
        (ServerKeepAlive(258), "13 01 02", "CONNACK"),
        (AuthenticationMethod("x".into()), "15 00 01 'x'", "CONNECT CONNACK AUTH"),
        (AuthenticationData(Bytes::from_static(b"x")), "16 00 01 'x'", "CONNACK AUTH"), // In a CONNECT not alone.
        (RequestProblemInformation(false), "17 00", "CONNECT"),
        (WillDelayInterval(1), "18 00 00 00 01", "WILL"),
        (RequestResponseInformation(true), "19 01", "CONNECT"),
        (ResponseInformation("x".into()), "1A 00 01 'x'", "CONNACK"),
        (ServerReference("x".into()), "1C 00 01 'x'", "CONNACK DISCONNECT"),
        (ReasonString("x".into()), "1F 00 01 'x'", answers),
        (ReceiveMaximum(258), "21 01 02", "CONNECT CONNACK"),
        (TopicAliasMaximum(258), "22 01 02", "CONNECT CONNACK"),
        (TopicAlias(258), "23 01 02", "PUBLISH"),
        (MaximumQoS(1), "24 01", "CONNACK"),
        (RetainAvailable(true), "25 01", "CONNACK"),
        (user("k", "v"), "26 00 01 'k' 00 01 'v'", every_place),
        (MaximumPacketSize(1), "27 00 00 00 01", "CONNECT CONNACK"),
        (WildcardSubscriptionAvailable(true), "28 01", "CONNACK"),
        (SubscriptionIdentifierAvailable(true), "29 01", "CONNACK"),
        (SharedSubscriptionAvailable(false), "2A 00", "CONNACK"),
    ]
}

/// Every place, as the bytes of a packet in which `..` stands for the property block; the side that
/// receives it follows from the first byte.
const PLACES: [(&str, &str); 14] = [
    ("CONNECT", "10 00 04 'MQTT' 05 02 00 00 .. 00 00"),
    (
        "WILL",
        "10 00 04 'MQTT' 05 06 00 00 00 00 00 .. 00 01 'w' 00 00",
    ),
    ("CONNACK", "20 00 00 .."),
    ("PUBLISH", "30 00 01 'a' .."),
    ("PUBACK", "40 00 01 00 .."),
    ("PUBREC", "50 00 01 00 .."),
    ("PUBREL", "62 00 01 00 .."),
    ("PUBCOMP", "70 00 01 00 .."),
    ("SUBSCRIBE", "82 00 01 .. 00 01 'a' 00"),
    ("SUBACK", "90 00 01 .. 00"),
    ("UNSUBSCRIBE", "A2 00 01 .. 00 01 'a'"),
    ("UNSUBACK", "B0 00 01 .. 00"),
    ("DISCONNECT", "E0 00 .."),
    ("AUTH", "F0 00 .."),
];

/// The properties of the packet with this block; `None` when they may not stand there.
fn decode_at(frame: &str, block: &[u8]) -> Option<Properties> {
    let (before, after) = frame.split_once("..").unwrap();
    let (before, after) = (hex(before), hex(after));
    let body = [&before[1..], &[len(block)], block, &after].concat();
    let mut buf = BytesMut::from(&[&[before[0], len(&body)], &body[..]].concat()[..]);
    let mut decoder = match before[0] {
        0x10 => fresh(),
        0x82 | 0xA2 => connected(Version::V5),
        _ => Decoder::client(Version::V5),
    };
    match decoder.decode(&mut buf) {
        Ok(Some(packet)) => Some(properties_of(packet)),
        Err(DecodeError::Invalid {
            fault: Fault::MisplacedProperty(_) | Fault::LoneAuthenticationData,
            ..
        }) => None,
        other => panic!("{frame}: {other:?}"),
    }
}

fn properties_of(packet: mqtt_proto::Packet) -> Properties {
    use mqtt_proto::Packet::*;
    match packet {
        Connect(connect) => connect
            .will
            .map_or(connect.properties, |will| will.properties),
        ConnAck(connack) => connack.properties,
        Publish(publish) => publish.properties,
        PubAck(ack) | PubRec(ack) | PubRel(ack) | PubComp(ack) => ack.properties,
        Subscribe(subscribe) => subscribe.properties,
        SubAck(suback) => suback.properties,
        Unsubscribe(unsubscribe) => unsubscribe.properties,
        UnsubAck(unsuback) => unsuback.properties,
        Disconnect(disconnect) => disconnect.properties,
        Auth(auth) => auth.properties,
        PingReq | PingResp => Properties::new(),
    }
}

fn len(bytes: &[u8]) -> u8 {
    u8::try_from(bytes.len()).unwrap()
}
