// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The reason table against the lists in the sections of each packet.

use mqtt_proto::{PacketKind, Reason};

#[test]
fn every_code_is_a_reason_of_that_code_or_none() {
    let known: Vec<u8> = (0..=255)
        .filter(|code| Reason::from_code(*code).is_some())
        .collect();
    assert_eq!(
        known,
        Reason::ALL
            .iter()
            .map(|reason| reason.code())
            .collect::<Vec<_>>()
    );
    assert_eq!(known.len(), 43);
    for code in known {
        let reason = Reason::from_code(code).unwrap();
        assert_eq!(reason.code(), code);
        assert_eq!(reason.is_error(), code >= 0x80);
        assert!(!reason.name().is_empty());
    }
}

#[test]
fn a_reason_stands_only_in_the_packets_of_the_standard() {
    for (kind, codes) in [
        (
            PacketKind::ConnAck, // Section 3.2.2.2 [MQTT-3.2.2-8]
            &[
                0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90,
                0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
            ][..],
        ),
        (
            PacketKind::PubAck, // [MQTT-3.4.2-1]
            &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
        ),
        (
            PacketKind::PubRec, // [MQTT-3.5.2-1]
            &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
        ),
        (PacketKind::PubRel, &[0x00, 0x92]),  // [MQTT-3.6.2-1]
        (PacketKind::PubComp, &[0x00, 0x92]), // [MQTT-3.7.2-1]
        (
            PacketKind::SubAck, // [MQTT-3.9.3-2]
            &[
                0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2,
            ],
        ),
        (
            PacketKind::UnsubAck, // [MQTT-3.11.3-2]
            &[0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91],
        ),
        (
            PacketKind::Disconnect, // Section 3.14.2.1 [MQTT-3.14.2-1], and 0x8C from section 2.4
            &[
                0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90,
                0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0,
                0xA1, 0xA2,
            ],
        ),
        (PacketKind::Auth, &[0x00, 0x18, 0x19]), // [MQTT-3.15.2-1]
        (PacketKind::Publish, &[]),
        (PacketKind::PingResp, &[]),
    ] {
        let allowed = Reason::ALL.iter().filter(|reason| reason.allowed_in(kind));
        let allowed: Vec<u8> = allowed.map(|reason| reason.code()).collect();
        assert_eq!(allowed, codes, "{kind}");
    }
}

#[test]
fn a_version_3_connack_says_the_nearest_reason() {
    for reason in Reason::ALL {
        let code = match reason {
            Reason::UnsupportedProtocolVersion => 1,
            Reason::ClientIdentifierNotValid => 2,
            Reason::BadUserNameOrPassword | Reason::BadAuthenticationMethod => 4,
            Reason::NotAuthorized | Reason::Banned => 5,
            _ if reason.is_error() => 3,
            _ => 0,
        };
        assert_eq!(reason.connack_v3(), code, "{reason}");
    }
}
