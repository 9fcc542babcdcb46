// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Packets after the CONNECT that the standards forbid: the fault, the reason code, the sentence.

use mqtt_proto::{DecodeError, Decoder, Fault, FilterError, Reason, TopicError, Version};

use crate::samples::VERSIONS;
use crate::transcript::{connected, decode_all, hex};

const V3: &[Version] = &[Version::V31, Version::V311];
const V311: &[Version] = &[Version::V311];
const V5: &[Version] = &[Version::V5];
const NEW: &[Version] = &[Version::V311, Version::V5];
const ALL: &[Version] = &VERSIONS;

#[test]
fn malformed_headers_are_refused() {
    check(&[
        (NEW, "C1 00", Fault::HeaderFlags), // [MQTT-2.1.3-1], in 3.1.1 [MQTT-2.2.2-2]
        (NEW, "60 02 00 01", Fault::HeaderFlags), // [MQTT-3.6.1-1]
        (NEW, "80 06 00 01 00 01 'a' 00", Fault::HeaderFlags), // [MQTT-3.8.1-1]
        (NEW, "A0 05 00 01 00 01 'a'", Fault::HeaderFlags), // [MQTT-3.10.1-1]
        (NEW, "42 02 00 01", Fault::HeaderFlags),
        (NEW, "E1 00", Fault::HeaderFlags), // [MQTT-3.14.1-1]
        (V5, "F1 00", Fault::HeaderFlags),  // [MQTT-3.15.1-1]
        (ALL, "30 FF FF FF FF", Fault::VariableInteger),
        (ALL, "30 80 80 80 80 01", Fault::VariableInteger),
        (V5, "C0 80 00", Fault::VariableInteger), // [MQTT-1.5.5-1]
        (ALL, "C0 01 00", Fault::TrailingBytes),
        (ALL, "10 00", Fault::SecondConnect), // [MQTT-3.1.0-2]
        (ALL, "20 02 00 00", Fault::WrongDirection),
        (ALL, "90 03 00 01 00", Fault::WrongDirection),
        (ALL, "B0 02 00 01", Fault::WrongDirection),
        (ALL, "D0 00", Fault::WrongDirection),
        (V3, "E0 01 00", Fault::TrailingBytes),
    ]);
}

#[test]
fn malformed_publishes_are_refused() {
    check(&[
        (ALL, "36 08 00 01 'a' 00 01 00 'xx'", Fault::QoS3), // [MQTT-3.3.1-4]
        (ALL, "38 04 00 01 'a' 00", Fault::DuplicateQoS0),   // [MQTT-3.3.1-2]
        (ALL, "30 00", Fault::Truncated),
        (ALL, "30 01 00", Fault::Truncated),
        (ALL, "30 02 00 01", Fault::Truncated),
        (ALL, "32 03 00 01 'a'", Fault::Truncated),
        (ALL, "32 04 00 01 'a' 00", Fault::Truncated),
        (ALL, "32 06 00 01 'a' 00 00 00", Fault::PacketIdZero), // [MQTT-2.2.1-3], in 3.1.1 [MQTT-2.3.1-1]
        (ALL, "34 06 00 01 'a' 00 00 00", Fault::PacketIdZero),
        (ALL, "30 04 00 01 FF 00", Fault::Utf8), // [MQTT-3.3.2-1], [MQTT-1.5.4-1]
        (ALL, "30 05 00 02 C0 80 00", Fault::Utf8),
        (
            ALL,
            "30 04 00 01 00 00",
            Fault::Topic(TopicError::NullCharacter),
        ), // [MQTT-4.7.3-2]
        (
            ALL,
            "30 06 00 03 'a/+' 00",
            Fault::Topic(TopicError::Wildcard),
        ), // [MQTT-3.3.2-2]
        (
            ALL,
            "30 04 00 01 '#' 00",
            Fault::Topic(TopicError::Wildcard),
        ),
        (V3, "30 03 00 00 'x'", Fault::Topic(TopicError::Empty)), // [MQTT-4.7.3-1]
        (V5, "30 03 00 00 00", Fault::NoTopic),
        (V5, "30 03 00 01 'a'", Fault::Truncated),
        (V5, "30 04 00 01 'a' 01", Fault::Truncated),
        (
            V5,
            "30 06 00 01 'a' 02 0B 01",
            Fault::SubscriptionIdentifier,
        ), // [MQTT-3.3.4-6]
    ]);
}

#[test]
fn malformed_acknowledgements_are_refused() {
    check(&[
        (ALL, "40 00", Fault::Truncated),
        (ALL, "40 01 00", Fault::Truncated),
        (ALL, "40 02 00 00", Fault::PacketIdZero),
        (ALL, "62 02 00 00", Fault::PacketIdZero),
        (V3, "40 03 00 01 00", Fault::TrailingBytes),
        (V5, "40 03 00 01 92", Fault::ReasonCode(0x92)), // [MQTT-3.4.2-1]
        (V5, "50 03 00 01 92", Fault::ReasonCode(0x92)), // [MQTT-3.5.2-1]
        (V5, "62 03 00 01 80", Fault::ReasonCode(0x80)), // [MQTT-3.6.2-1]
        (V5, "70 03 00 01 FF", Fault::ReasonCode(0xFF)), // [MQTT-3.7.2-1]
        (V5, "40 05 00 01 00 00 00", Fault::TrailingBytes),
        (V5, "40 04 00 01 00 01", Fault::Truncated),
        (V5, "E0 01 01", Fault::ReasonCode(1)), // [MQTT-3.14.2-1]
        (V5, "E0 03 00 00 00", Fault::TrailingBytes),
        (V5, "F0 01 18", Fault::Truncated),
        (V5, "F0 02 04 00", Fault::ReasonCode(4)), // [MQTT-3.15.2-1]
    ]);
}

#[test]
fn malformed_subscriptions_are_refused() {
    check(&[
        (ALL, "82 00", Fault::Truncated),
        (V3, "82 02 00 01", Fault::NoFilter), // [MQTT-3.8.3-3] in 3.1.1
        (V5, "82 03 00 01 00", Fault::NoFilter), // [MQTT-3.8.3-2]
        (V3, "A2 02 00 01", Fault::NoFilter), // [MQTT-3.10.3-2]
        (V5, "A2 03 00 01 00", Fault::NoFilter),
        (V3, "82 06 00 00 00 01 'a' 00", Fault::PacketIdZero),
        (V5, "82 07 00 00 00 00 01 'a' 00", Fault::PacketIdZero),
        (V3, "A2 05 00 00 00 01 'a'", Fault::PacketIdZero),
        (V3, "82 05 00 01 00 01 'a'", Fault::Truncated),
        (V3, "82 06 00 01 00 01 'a' 03", Fault::QoS3), // [MQTT-3-8.3-4]
        (V5, "82 07 00 01 00 00 01 'a' 03", Fault::QoS3),
        (V311, "82 06 00 01 00 01 'a' 04", Fault::SubscribeOptions),
        (V5, "82 07 00 01 00 00 01 'a' 40", Fault::SubscribeOptions), // [MQTT-3.8.3-5]
        (V5, "82 07 00 01 00 00 01 'a' 80", Fault::SubscribeOptions),
        (V5, "82 07 00 01 00 00 01 'a' 30", Fault::RetainHandling),
        (
            V5,
            "82 10 00 01 00 00 0A '$share/g/a' 04",
            Fault::NoLocalShared,
        ), // [MQTT-3.8.3-4]
        (
            V3,
            "82 05 00 01 00 00 00",
            Fault::Filter(FilterError::Empty),
        ),
        (
            V3,
            "82 07 00 01 00 02 'a#' 00",
            Fault::Filter(FilterError::WildcardInLevel),
        ),
        (
            V3,
            "82 08 00 01 00 03 '#/a' 00",
            Fault::Filter(FilterError::HashNotLast),
        ),
        (
            V3,
            "82 06 00 01 00 01 00 00",
            Fault::Filter(FilterError::NullCharacter),
        ),
        (
            V3,
            "A2 06 00 01 00 02 '++'",
            Fault::Filter(FilterError::WildcardInLevel),
        ),
        (V3, "82 06 00 01 00 01 FF 00", Fault::Utf8), // [MQTT-3.8.3-1]
        (V3, "A2 05 00 01 00 01 FF", Fault::Utf8),    // [MQTT-3.10.3-1]
        (V5, "82 07 00 01 00 00 01 FF 00", Fault::Utf8),
        (V5, "A2 06 00 01 00 00 01 FF", Fault::Utf8),
    ]);
}

#[test]
fn more_filters_than_4096_are_refused() {
    for (first, filter) in [(0x82, "00 01 'a' 00"), (0xA2, "00 02 'aa'")] {
        for (count, fault) in [(4096, None), (4097, Some(Fault::TooManyFilters))] {
            let mut body = vec![0, 1];
            body.extend(hex(filter).repeat(count));
            let len = [0, 7, 14].map(|shift| (body.len() >> shift & 0x7F) as u8);
            let header = [first, len[0] | 0x80, len[1] | 0x80, len[2]];
            let bytes = [&header, &body[..]].concat();
            let (packets, error) = decode_all(&mut connected(Version::V311), &bytes);
            assert_eq!(packets.len(), usize::from(fault.is_none()), "{error:?}");
            assert_eq!(fault_of(error), fault);
        }
    }
}

#[test]
fn what_3_1_leaves_unused_is_ignored_in_3_1() {
    for bytes in [
        "C1 00",
        "6A 02 00 01",
        "8A 06 00 01 00 01 'a' 00",
        "82 06 00 01 00 01 'a' FC",
    ] {
        let (packets, error) = decode_all(&mut connected(Version::V31), &hex(bytes));
        assert_eq!((packets.len(), error), (1, None), "{bytes}");
    }
}

#[test]
fn an_unknown_kind_of_packet_is_refused() {
    for (version, bytes) in [
        (Version::V5, "00 00"),
        (Version::V311, "0F 00"),
        (Version::V311, "F0 00"),
    ] {
        let bytes = hex(bytes);
        let (_, error) = decode_all(&mut connected(version), &bytes);
        assert_eq!(error, Some(DecodeError::UnknownKind { first: bytes[0] }));
        assert_eq!(error.unwrap().reason(), Reason::MalformedPacket);
    }
}

#[test]
fn a_client_refuses_what_a_server_may_not_send() {
    for (version, bytes, fault) in [
        (Version::V311, "C0 00", Fault::WrongDirection),
        (Version::V311, "E0 00", Fault::WrongDirection),
        (Version::V5, "10 00", Fault::WrongDirection),
        (Version::V5, "20 03 02 00 00", Fault::ConnAckFlags), // [MQTT-3.2.2-1]
        (Version::V311, "20 02 00 06", Fault::ReasonCode(6)),
        (Version::V5, "20 03 00 8B 00", Fault::ReasonCode(0x8B)), // [MQTT-3.2.2-8]
        (Version::V311, "90 02 00 01", Fault::Truncated),
        (Version::V311, "90 03 00 01 03", Fault::ReasonCode(3)),
        (Version::V311, "90 03 00 01 87", Fault::ReasonCode(0x87)), // [MQTT-3.9.3-2] in 3.1.1
    ] {
        let (_, error) = decode_all(&mut Decoder::client(version), &hex(bytes));
        assert_eq!(fault_of(error), Some(fault), "{bytes}");
    }
}

#[test]
fn a_fault_names_its_reason_code_and_says_a_sentence() {
    for (version, bytes, reason, sentence) in [
        (
            Version::V311,
            "82 02 00 01",
            Reason::ProtocolError,
            "SUBSCRIBE without a topic filter",
        ),
        (
            Version::V5,
            "30 03 00 00 00",
            Reason::ProtocolError,
            "PUBLISH without a topic name or topic alias",
        ),
        (
            Version::V5,
            "36 00",
            Reason::MalformedPacket,
            "PUBLISH with QoS 3",
        ),
        (
            Version::V5,
            "10 00",
            Reason::ProtocolError,
            "CONNECT after the first CONNECT",
        ),
        (
            Version::V5,
            "30 04 00 01 '#' 00",
            Reason::MalformedPacket,
            "PUBLISH with a wildcard in the topic name",
        ),
        (
            Version::V5,
            "40 03 00 01 92",
            Reason::MalformedPacket,
            "PUBACK with reason code 0x92, which does not belong there",
        ),
    ] {
        let (_, error) = decode_all(&mut connected(version), &hex(bytes));
        let error = error.unwrap();
        assert_eq!(
            (error.reason(), error.to_string().as_str()),
            (reason, sentence)
        );
    }
}

fn check(table: &[(&[Version], &str, Fault)]) {
    for (versions, bytes, fault) in table {
        for version in *versions {
            let (packets, error) = decode_all(&mut connected(*version), &hex(bytes));
            assert_eq!(packets, [], "{version} {bytes}");
            assert_eq!(fault_of(error), Some(*fault), "{version} {bytes}");
        }
    }
}

fn fault_of(error: Option<DecodeError>) -> Option<Fault> {
    match error {
        Some(DecodeError::Invalid { fault, .. }) => Some(fault),
        Some(other) => panic!("{other}"),
        None => None,
    }
}
