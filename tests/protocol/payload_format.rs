// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Payload Format Indicator: a payload that is said to be UTF-8 must be, and says so to its receivers.

use bytes::Bytes;
use mqtt_proto::{Ack, Connect, Packet, Property, Publish, QoS, Reason, Version, Will};
use tests::packets::{connect, packet_id, properties, publish_at, will};
use tests::{Client, QUALITIES, World};

/// A message whose payload is said to be UTF-8, or bytes.
fn said(text: bool, qos: QoS, payload: &[u8]) -> Publish {
    Publish {
        properties: properties([Property::PayloadFormatIndicator(text)]),
        ..publish_at(qos, 1, "x", payload)
    }
}

fn listener(world: &World) -> Client {
    let listener = world.client(Version::V5, "listener");
    listener.subscribe("#", QoS::AtMostOnce);
    listener
}

#[test]
fn text_and_bytes_that_are_what_they_say_travel_with_their_indicator() {
    let samples: [(bool, &[u8]); 4] = [
        (true, "日本語 🚀".as_bytes()),
        (true, b""),
        (true, b"\0"),
        (false, b"\xff\xfe"),
    ];
    for qos in QUALITIES {
        for (text, payload) in samples {
            let world = World::new();
            let listener = listener(&world);
            let client = world.client(Version::V5, "a");
            client.send(said(text, qos, payload));
            client.poll();
            listener.expect_publish(said(text, QoS::AtMostOnce, payload)); // [MQTT-3.3.2-4]
        }
    }
}

#[test]
fn a_payload_that_is_said_to_be_text_and_is_not_is_refused() {
    for payload in [&b"\xff"[..], b"caf\xe9", b"\xed\xa0\x80", &[0xc3; 20_000]] {
        let world = World::new();
        let listener = listener(&world);
        let client = world.client(Version::V5, "a");
        let refused = Ack::new(packet_id(1), Reason::PayloadFormatInvalid);
        client.send(said(true, QoS::AtLeastOnce, payload));
        client.expect(Packet::PubAck(refused.clone()));
        client.send(said(true, QoS::ExactlyOnce, payload));
        client.expect(Packet::PubRec(refused));
        client.send(publish_at(
            QoS::ExactlyOnce,
            1,
            "x",
            "its identifier is free",
        ));
        client.expect(tests::packets::pubrec(1));
        listener.take(QoS::AtMostOnce, "x", "its identifier is free");
        client.send(said(true, QoS::AtMostOnce, payload));
        client.expect_disconnect(Reason::PayloadFormatInvalid);
        listener.expect_nothing();
    }
}

#[test]
fn a_will_that_is_said_to_be_text_and_is_not_is_refused() {
    for (payload, accepted) in [(&b"text"[..], true), (b"\xff", false)] {
        let world = World::new();
        let will = Will {
            payload: Bytes::from_static(payload),
            properties: properties([Property::PayloadFormatIndicator(true)]),
            ..will("x", "")
        };
        let connect = Connect {
            will: Some(will),
            ..connect(Version::V5, "a")
        };
        if accepted {
            world.connect(connect, false);
        } else {
            world.refused(connect, Reason::PayloadFormatInvalid);
        }
    }
}
