// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Properties: what a block may hold, the getters, and what `Debug` hides.

use bytes::BytesMut;
use mqtt_proto::{
    Bytes, DecodeError, Decoder, Fault, Packet, Password, Properties, Property, Publish, QoS,
    Reason, TopicError, Version,
};

use crate::samples::{self, plain_connect, publish, user};
use crate::transcript::{bytes_of, connected, decode_all, fresh, hex};

#[test]
fn a_property_is_refused_where_it_breaks_a_rule() {
    for (block, fault) in [
        // Behind the length of a PUBLISH: 00 01 'a', then the block.
        ("02 7E 00", Fault::UnknownProperty(0x7E)),
        ("03 FF 01 00", Fault::UnknownProperty(0xFF)),
        ("03 21 00 01", Fault::MisplacedProperty("ReceiveMaximum")),
        (
            "05 11 00 00 00 01",
            Fault::MisplacedProperty("SessionExpiryInterval"),
        ),
        ("04 1F 00 01 'x'", Fault::MisplacedProperty("ReasonString")),
        (
            "04 01 00 01 00",
            Fault::RepeatedProperty("PayloadFormatIndicator"),
        ),
        (
            "06 23 00 01 23 00 02",
            Fault::RepeatedProperty("TopicAlias"),
        ),
        ("02 01 02", Fault::PropertyValue("PayloadFormatIndicator")),
        ("02 0B 00", Fault::PropertyValue("SubscriptionIdentifier")),
        ("03 0B 81 00", Fault::VariableInteger), // [MQTT-1.5.5-1]
        ("05 0B FF FF FF FF", Fault::VariableInteger),
        ("04 08 00 01 '#'", Fault::Topic(TopicError::Wildcard)), // [MQTT-3.3.2-14]
        ("03 08 00 00", Fault::Topic(TopicError::Empty)),
        ("04 03 00 01 00", Fault::NullCharacter),
        ("04 03 00 01 FF", Fault::Utf8),           // [MQTT-3.3.2-19]
        ("04 08 00 01 FF", Fault::Utf8),           // [MQTT-3.3.2-13]
        ("07 26 00 01 FF 00 01 'v'", Fault::Utf8), // [MQTT-1.5.7-1]
        ("07 26 00 01 'k' 00 01 FF", Fault::Utf8),
        ("07 26 00 01 00 00 01 'v'", Fault::NullCharacter),
        ("04 03 00 02 'x'", Fault::Truncated),
        ("03 02 00 00", Fault::Truncated),
        ("01 01 'x'", Fault::Truncated), // The value lies outside the block.
        ("01 01 01", Fault::Truncated),
        ("05 26 00 01 'k' 00", Fault::Truncated),
        ("80", Fault::Truncated),
    ] {
        let mut body = hex("00 01 'a'");
        body.extend(hex(block));
        let bytes = [&[0x30, u8::try_from(body.len()).unwrap()], &body[..]].concat();
        let (_, error) = decode_all(&mut connected(Version::V5), &bytes);
        assert!(
            matches!(error, Some(DecodeError::Invalid { fault: found, .. }) if found == fault),
            "{block}: {error:?}"
        );
    }
}

#[test]
fn a_connect_property_out_of_range_is_refused() {
    for (property, name) in [
        ("03 21 00 00", "ReceiveMaximum"),
        ("05 27 00 00 00 00", "MaximumPacketSize"),
        ("02 17 02", "RequestProblemInformation"),
        ("02 19 FF", "RequestResponseInformation"),
    ] {
        let mut body = hex("00 04 'MQTT' 05 02 00 00");
        body.extend(hex(property));
        body.extend([0, 0]);
        let bytes = [&[0x10, u8::try_from(body.len()).unwrap()], &body[..]].concat();
        let error = decode_all(&mut fresh(), &bytes).1.unwrap();
        assert_eq!(
            error.to_string(),
            format!("CONNECT with a value of property {name} that is out of range")
        );
        assert_eq!(error.reason(), Reason::ProtocolError);
    }
    let (_, error) = decode_all(
        &mut Decoder::client(Version::V5),
        &hex("20 05 00 00 02 24 02"),
    );
    assert!(error.unwrap().to_string().contains("MaximumQoS"));
}

#[test]
fn thirty_two_user_properties_are_the_most() {
    for (count, fault) in [(32, None), (33, Some(Fault::TooManyUserProperties))] {
        let mut message = publish(QoS::AtMostOnce, b"");
        message.properties = std::iter::repeat_n(user("k", "v"), count).collect();
        assert_eq!(fault_of(message), fault);
    }
}

#[test]
fn sixty_four_kib_of_properties_are_the_most() {
    // One user property takes 5 bytes beside its text.
    for (len, fault) in [
        (65_531 - 10, None),
        (65_532 - 10, Some(Fault::PropertiesTooLong)),
    ] {
        let text = |len: usize| "x".repeat(len).into();
        let mut message = publish(QoS::AtMostOnce, b"");
        message
            .properties
            .push(Property::UserProperty(text(5), text(5)));
        message
            .properties
            .push(Property::UserProperty(text(0), text(len - 5)));
        assert_eq!(fault_of(message), fault);
    }
}

/// [R16]
#[test]
fn whoever_has_not_logged_in_may_send_eight_kib_of_properties() {
    for (len, fault) in [
        (8_192 - 5, None),
        (8_193 - 5, Some(Fault::PropertiesTooLong)),
    ] {
        let property = || Property::UserProperty("".into(), "x".repeat(len).into());
        let mut with_its_own = plain_connect(Version::V5);
        with_its_own.properties.push(property());
        let mut with_a_will = plain_connect(Version::V5);
        let mut will = samples::will(Version::V5);
        will.properties = [property()].into_iter().collect();
        with_a_will.will = Some(will);
        for connect in [with_its_own, with_a_will] {
            let bytes = bytes_of(&Packet::Connect(Box::new(connect)), Version::V5);
            let (packets, error) = decode_all(&mut fresh(), &bytes);
            assert_eq!(packets.len(), usize::from(fault.is_none()), "{len}");
            let found = error.map(|error| match error {
                DecodeError::Invalid { fault, .. } => fault,
                other => panic!("{other}"),
            });
            assert_eq!(found, fault, "{len}");
        }
    }
}

#[test]
fn each_getter_finds_its_property() {
    let properties: Properties = [
        Property::SessionExpiryInterval(5),
        Property::SubscriptionIdentifier(1),
        Property::ContentType("text".into()),
        user("k", "1"),
        Property::SubscriptionIdentifier(2),
        Property::CorrelationData(Bytes::from_static(b"\xFF")),
        user("k", "2"),
        Property::RetainAvailable(false),
        Property::MaximumQoS(1),
    ]
    .into_iter()
    .collect();
    assert_eq!(properties.session_expiry_interval(), Some(5));
    assert_eq!(
        properties.content_type().map(|text| &text[..]),
        Some("text")
    );
    assert_eq!(
        properties.correlation_data().map(|data| &data[..]),
        Some(&b"\xFF"[..])
    );
    assert_eq!(properties.retain_available(), Some(false));
    assert_eq!(properties.maximum_qos(), Some(1));
    assert_eq!(properties.receive_maximum(), None);
    assert_eq!(properties.subscription_identifier(), Some(1));
    assert_eq!(
        properties.subscription_identifiers().collect::<Vec<_>>(),
        [1, 2]
    );
    let users: Vec<_> = properties
        .user_properties()
        .map(|(name, value)| (&name[..], &value[..]))
        .collect();
    assert_eq!(users, [("k", "1"), ("k", "2")]);
}

#[test]
fn retain_keeps_the_order() {
    let mut properties: Properties = [user("a", ""), Property::TopicAlias(1), user("b", "")]
        .into_iter()
        .collect();
    properties.retain(|property| !matches!(property, Property::TopicAlias(_)));
    assert_eq!(
        properties,
        [user("a", ""), user("b", "")].into_iter().collect()
    );
    assert_eq!(properties.len(), 2);
}

#[test]
fn debug_shows_no_secret() {
    let mut connect = plain_connect(Version::V5);
    connect.password = Some(Password::new(Bytes::from_static(b"hunter2")));
    connect
        .properties
        .push(Property::AuthenticationData(Bytes::from_static(b"hunter2")));
    connect.properties.push(samples::user("shown", "yes"));
    let text = format!(
        "{:?} {:#?}",
        Packet::Connect(Box::new(connect.clone())),
        connect
    );
    assert!(
        text.contains("Password(..)")
            && text.contains("AuthenticationData(..)")
            && text.contains("shown")
    );
    assert!(!text.contains("hunter2"));
    assert!(!text.contains("104")); // The first letter as a number.
}

fn fault_of(message: Publish) -> Option<Fault> {
    let mut buf: BytesMut = bytes_of(&Packet::Publish(message), Version::V5);
    match connected(Version::V5).decode(&mut buf) {
        Ok(Some(_)) => None,
        Err(DecodeError::Invalid { fault, .. }) => Some(fault),
        other => panic!("{other:?}"),
    }
}
