// SPDX-License-Identifier: Apache-2.0 OR MIT
//! CONNECT packets the standards forbid, and unusual ones they allow.

use mqtt_proto::{DecodeError, Fault, Packet, PacketKind, QoS, TopicError, Version};

use crate::transcript::{decode_all, fresh, hex};

#[test]
fn a_malformed_connect_is_refused_with_its_fault() {
    for (bytes, fault) in [
        ("10 00", Fault::Truncated),
        ("10 02 00 04", Fault::Truncated),
        ("10 06 00 04 'MQTT'", Fault::Truncated),
        ("10 07 00 04 'MQTT' 04", Fault::Truncated),
        ("10 0A 00 04 'MQTT' 04 02 00 00", Fault::Truncated), // [MQTT-3.1.3-3]
        ("10 0C 00 04 'MQTT' 04 02 00 00 00 05", Fault::Truncated),
        (
            "10 0D 00 04 'MQTT' 04 02 00 00 00 00 00",
            Fault::TrailingBytes,
        ), // no user name: [MQTT-3.1.2-16], in 3.1.1 [MQTT-3.1.2-18], [MQTT-3.1.2-11]
        (
            "10 10 00 04 'MQTT' 04 82 00 00 00 00 00 01 'u' 00",
            Fault::TrailingBytes,
        ), // no password: [MQTT-3.1.2-18], in 3.1.1 [MQTT-3.1.2-20]
        ("10 0C 00 04 'MQTT' 04 06 00 00 00 00", Fault::Truncated), // [MQTT-3.1.2-9]
        (
            "10 0F 00 04 'MQTT' 04 06 00 00 00 00 00 01 'w'",
            Fault::Truncated,
        ),
        ("10 0D 00 04 'MQTT' 05 06 00 00 00 00 00", Fault::Truncated),
        (
            "10 0F 00 06 'MQIsdp' 03 02 00 00 00 00 00",
            Fault::TrailingBytes,
        ),
        ("10 0C 00 04 'MQTT' 04 03 00 00 00 00", Fault::ConnectFlag), // [MQTT-3.1.2-3]
        (
            "10 0D 00 04 'MQTT' 05 03 00 00 00 00 00",
            Fault::ConnectFlag,
        ),
        ("10 0C 00 04 'MQTT' 04 0A 00 00 00 00", Fault::WillFlags), // [MQTT-3.1.2-11], in 3.1.1 [MQTT-3.1.2-13]
        ("10 0C 00 04 'MQTT' 04 22 00 00 00 00", Fault::WillFlags), // [MQTT-3.1.2-13], in 3.1.1 [MQTT-3.1.2-15]
        ("10 0D 00 04 'MQTT' 05 22 00 00 00 00 00", Fault::WillFlags),
        (
            "10 12 00 04 'MQTT' 04 1E 00 00 00 00 00 01 'w' 00 01 'x'",
            Fault::QoS3,
        ), // [MQTT-3.1.2-12], in 3.1.1 [MQTT-3.1.2-14]
        (
            "10 0E 00 04 'MQTT' 04 42 00 00 00 00 00 00",
            Fault::LonePassword,
        ), // [MQTT-3.1.2-22]
        (
            "10 10 00 06 'MQIsdp' 03 42 00 00 00 00 00 00",
            Fault::LonePassword,
        ),
        ("10 0C 00 04 'MQTT' 04 82 00 00 00 00", Fault::Truncated), // [MQTT-3.1.2-17], in 3.1.1 [MQTT-3.1.2-19]
        (
            "10 0E 00 04 'MQTT' 04 C2 00 00 00 00 00 00",
            Fault::Truncated,
        ), // [MQTT-3.1.2-19], in 3.1.1 [MQTT-3.1.2-21]
        ("10 0D 00 04 'MQTT' 04 02 00 00 00 01 FF", Fault::Utf8), // [MQTT-3.1.3-4], [MQTT-1.5.3-1]
        ("10 0F 00 04 'MQTT' 04 82 00 00 00 00 00 01 FF", Fault::Utf8), // [MQTT-3.1.3-12], in 3.1.1 [MQTT-3.1.3-11]
        (
            "10 12 00 04 'MQTT' 04 06 00 00 00 00 00 01 FF 00 01 'x'",
            Fault::Utf8,
        ), // [MQTT-3.1.3-11], in 3.1.1 [MQTT-3.1.3-10]
        ("10 0F 00 04 'MQTT' 04 02 00 00 00 03 ED A0 80", Fault::Utf8), // a surrogate
        (
            "10 0D 00 04 'MQTT' 04 02 00 00 00 01 00",
            Fault::NullCharacter,
        ), // [MQTT-1.5.3-2]
        (
            "10 0F 00 04 'MQTT' 04 82 00 00 00 00 00 01 00",
            Fault::NullCharacter,
        ),
        (
            "10 11 00 04 'MQTT' 04 06 00 00 00 00 00 00 00 01 'x'",
            Fault::Topic(TopicError::Empty),
        ),
        (
            "10 12 00 04 'MQTT' 04 06 00 00 00 00 00 01 '#' 00 01 'x'",
            Fault::Topic(TopicError::Wildcard),
        ),
        (
            "10 12 00 04 'MQTT' 04 06 00 00 00 00 00 01 00 00 01 'x'",
            Fault::Topic(TopicError::NullCharacter),
        ),
        (
            "10 0E 00 04 'MQTT' 05 02 00 00 01 17 00 00",
            Fault::Truncated,
        ),
        (
            "10 11 00 04 'MQTT' 05 02 00 00 04 16 00 01 'x' 00 00",
            Fault::LoneAuthenticationData,
        ),
    ] {
        assert_fault(bytes, fault);
    }
}

#[test]
fn an_unusual_connect_is_accepted() {
    for (version, bytes) in [
        // A padded remaining length, legal before 5.0.
        (Version::V311, "10 8C 80 00 00 04 'MQTT' 04 02 00 00 00 00"),
        // The bridge bit.
        (Version::V31, "10 0E 00 06 'MQIsdp' 83 02 00 00 00 00"),
        (Version::V311, "10 0C 00 04 'MQTT' 84 02 00 00 00 00"),
        (Version::V5, "10 0D 00 04 'MQTT' 85 02 00 00 00 00 00"),
        // 3.1 does not use these bits.
        (Version::V31, "10 0E 00 06 'MQIsdp' 03 2B 00 00 00 00"),
        // 3.1 lets announced credentials be missing.
        (Version::V31, "10 0E 00 06 'MQIsdp' 03 C2 00 00 00 00"),
        (
            Version::V31,
            "10 11 00 06 'MQIsdp' 03 C2 00 00 00 00 00 01 'u'",
        ),
        // 5.0 lets a password come alone.
        (
            Version::V5,
            "10 10 00 04 'MQTT' 05 42 00 00 00 00 00 00 01 'p'",
        ),
        // An empty user name and password, an empty will payload.
        (
            Version::V311,
            "10 10 00 04 'MQTT' 04 C2 00 00 00 00 00 00 00 00",
        ),
        (
            Version::V311,
            "10 11 00 04 'MQTT' 04 06 00 00 00 00 00 01 'w' 00 00",
        ),
    ] {
        let mut decoder = fresh();
        let (packets, error) = decode_all(&mut decoder, &hex(bytes));
        assert_eq!(error, None, "{bytes}");
        assert!(matches!(packets[..], [Packet::Connect(_)]), "{bytes}");
        assert_eq!(decoder.version(), Some(version), "{bytes}");
    }
}

#[test]
fn missing_credentials_of_3_1_are_no_credentials() {
    let (packets, _) = decode_all(
        &mut fresh(),
        &hex("10 11 00 06 'MQIsdp' 03 C2 00 00 00 00 00 01 'u'"),
    );
    let [Packet::Connect(connect)] = &packets[..] else {
        panic!("{packets:?}")
    };
    assert_eq!(connect.username.as_deref(), Some("u"));
    assert_eq!(connect.password, None);
}

#[test]
fn every_will_qos_is_read() {
    for (flags, qos) in [
        ("06", QoS::AtMostOnce),
        ("0E", QoS::AtLeastOnce),
        ("16", QoS::ExactlyOnce),
    ] {
        let bytes = format!("10 12 00 04 'MQTT' 04 {flags} 00 00 00 00 00 01 'w' 00 01 'x'");
        let (packets, error) = decode_all(&mut fresh(), &hex(&bytes));
        let [Packet::Connect(connect)] = &packets[..] else {
            panic!("{error:?}")
        };
        assert_eq!(connect.will.as_ref().map(|will| will.qos), Some(qos));
    }
}

fn assert_fault(bytes: &str, fault: Fault) {
    let expected = DecodeError::Invalid {
        packet: PacketKind::Connect,
        fault,
    };
    let (packets, error) = decode_all(&mut fresh(), &hex(bytes));
    assert_eq!((packets, error), (vec![], Some(expected)), "{bytes}");
}
