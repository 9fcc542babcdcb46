// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is encoded decodes to the same packet, in every version.

use bytes::BytesMut;
use mqtt_proto::{
    ConnAck, Connect, Decoder, Packet, Password, Properties, Property, PublishHead, Reason, SubAck,
    Version, encode,
};

use crate::samples::{self, VERSIONS, id};
use crate::transcript::{bytes_of, connected, fresh};

#[test]
fn every_packet_a_client_sends_survives_a_round_trip() {
    for version in VERSIONS {
        for packet in samples::from_client(version) {
            let mut decoder = match packet {
                Packet::Connect(_) => fresh(),
                _ => connected(version),
            };
            assert_survives(&packet, version, &mut decoder);
            assert_eq!(decoder.version(), Some(version));
        }
    }
}

#[test]
fn every_packet_a_server_sends_survives_a_round_trip() {
    for version in VERSIONS {
        for packet in samples::from_server(version) {
            assert_survives(&packet, version, &mut Decoder::client(version));
        }
    }
}

#[test]
fn every_packet_is_encoded_into_one_reservation() {
    for version in VERSIONS {
        for packet in [samples::from_client(version), samples::from_server(version)].concat() {
            let len = bytes_of(&packet, version).len();
            let mut out = BytesMut::with_capacity(len);
            let start = out.as_ptr();
            encode(&packet, version, &mut out);
            assert_eq!(
                out.as_ptr(),
                start,
                "{} moved, so it reserved more than it wrote",
                packet.name()
            );
        }
    }
}

#[test]
fn a_head_and_its_payload_make_a_publish() {
    for version in VERSIONS {
        for packet in samples::from_client(version) {
            let Packet::Publish(publish) = &packet else {
                continue;
            };
            let list: Vec<Property> = publish.properties.iter().cloned().collect();
            for split in 0..=list.len() {
                let (own, extra) = list.split_at(split);
                let own: Properties = own.iter().cloned().collect();
                let head = PublishHead {
                    dup: publish.dup,
                    qos: publish.qos,
                    retain: publish.retain,
                    topic: &publish.topic,
                    packet_id: publish.packet_id,
                    properties: &own,
                    extra,
                };
                let mut out = BytesMut::new();
                head.encode(version, publish.payload.len(), &mut out);
                out.extend_from_slice(&publish.payload);
                assert_eq!(out, bytes_of(&packet, version));
                assert_eq!(out.len(), head.packet_len(version, publish.payload.len()));
            }
        }
    }
}

#[test]
fn what_a_version_does_not_have_is_not_encoded() {
    for version in [Version::V31, Version::V311] {
        let all = samples::from_server(Version::V5);
        for packet in all
            .iter()
            .filter(|packet| matches!(packet, Packet::Auth(_) | Packet::Disconnect(_)))
        {
            assert_eq!(
                bytes_of(packet, version).len(),
                if is_success(packet) { 2 } else { 0 },
                "{packet:?}"
            );
        }
    }

    fn is_success(packet: &Packet) -> bool {
        matches!(packet, Packet::Disconnect(disconnect) if !disconnect.reason.is_error())
    }
}

#[test]
fn version_3_packets_drop_reasons_and_properties_of_version_5() {
    let suback = |reason| SubAck {
        packet_id: id(1),
        properties: Properties::new(),
        reasons: vec![reason],
    };
    let connack = |reason| ConnAck {
        session_present: false,
        reason,
        properties: [samples::reason_string("no")].into_iter().collect(),
    };
    for version in [Version::V31, Version::V311] {
        for (packet, bytes) in [
            (
                Packet::SubAck(suback(Reason::NotAuthorized)),
                &[0x90, 3, 0, 1, 0x80][..], // [MQTT-3.9.3-2]
            ),
            (
                Packet::SubAck(suback(Reason::GrantedQoS2)),
                &[0x90, 3, 0, 1, 2],
            ),
            (Packet::ConnAck(connack(Reason::Banned)), &[0x20, 2, 0, 5]),
            (
                Packet::ConnAck(connack(Reason::ServerBusy)),
                &[0x20, 2, 0, 3],
            ),
        ] {
            assert_eq!(&bytes_of(&packet, version)[..], bytes);
        }
    }
}

#[test]
fn a_string_too_long_for_its_field_is_cut_between_characters() {
    let connect = Connect {
        client_id: "ä".repeat(40_000).into(),
        ..samples::plain_connect(Version::V311)
    };
    let mut buf = bytes_of(&Packet::Connect(Box::new(connect)), Version::V311);
    let Ok(Some(Packet::Connect(decoded))) = fresh().decode(&mut buf) else {
        panic!("the CONNECT is not valid");
    };
    assert_eq!(decoded.client_id, "ä".repeat(32_767));
}

#[test]
fn binary_data_too_long_for_its_field_is_cut() {
    let connect = Connect {
        password: Some(Password::new(vec![b'x'; 65_536].into())),
        ..samples::plain_connect(Version::V5)
    };
    let mut buf = bytes_of(&Packet::Connect(Box::new(connect)), Version::V5);
    let Ok(Some(Packet::Connect(decoded))) = fresh().decode(&mut buf) else {
        panic!("the CONNECT is not valid");
    };
    assert_eq!(
        decoded.password.map(|password| password.as_bytes().len()),
        Some(65_535)
    );
}

fn assert_survives(packet: &Packet, version: Version, decoder: &mut Decoder) {
    let mut buf = bytes_of(packet, version);
    let decoded = decoder.decode(&mut buf);
    assert_eq!(
        decoded.as_ref().map(Option::as_ref),
        Ok(Some(packet)),
        "{version}"
    );
    assert!(buf.is_empty(), "{} left {} bytes", packet.name(), buf.len());
}
