// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Whose memory a decoded message is in: the read buffer's, its own, or that of a buffer made for it.

use bytes::BytesMut;
use mqtt_proto::{Packet, Publish, QoS, Topic, Version, encode};

use crate::transcript::connected;

fn publish(len: usize) -> BytesMut {
    let mut bytes = BytesMut::new();
    let publish = Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: Topic::new("a/b".into()).unwrap(),
        packet_id: None,
        properties: Default::default(),
        payload: vec![7; len].into(),
        format_invalid: false,
    };
    encode(&Packet::Publish(publish), Version::V311, &mut bytes);
    bytes
}

fn decode(buffer: &mut BytesMut) -> Publish {
    match connected(Version::V311).decode(buffer).unwrap() {
        Some(Packet::Publish(publish)) => publish,
        other => panic!("no PUBLISH but {other:?}"),
    }
}

fn lies_in(buffer: std::ops::Range<*const u8>, bytes: &[u8]) -> bool {
    buffer.contains(&bytes.as_ptr())
}

#[test]
fn a_short_message_lies_in_the_read_buffer_until_it_is_detached() {
    let mut buffer = publish(100);
    let memory = buffer.as_ptr_range();
    let message = decode(&mut buffer);
    assert!(lies_in(memory.clone(), &message.payload));
    assert!(lies_in(memory.clone(), message.topic.as_bytes()));
    let (topic, payload) = Publish::detached(&message.topic, &message.payload);
    assert_eq!((&topic, &payload), (&message.topic, &message.payload));
    assert!(!lies_in(memory.clone(), &payload));
    assert!(!lies_in(memory, topic.as_bytes()));
}

#[test]
fn a_longer_message_holds_nothing_of_the_read_buffer() {
    let mut buffer = publish(10_000);
    let memory = buffer.as_ptr_range();
    let message = decode(&mut buffer);
    assert!(!lies_in(memory.clone(), &message.payload));
    assert!(!lies_in(memory, message.topic.as_bytes()));
}

#[test]
fn a_longer_message_alone_in_a_buffer_made_for_it_is_not_copied() {
    let whole = publish(10_000);
    let mut decoder = connected(Version::V311);
    let mut buffer = decoder.set_aside(&whole[..50]);
    assert_eq!(decoder.lacks(&buffer), whole.len() - 50);
    assert_eq!(decoder.decode(&mut buffer).unwrap(), None);
    let memory = buffer.as_ptr();
    buffer.extend_from_slice(&whole[50..]);
    assert_eq!((decoder.lacks(&buffer), buffer.as_ptr()), (0, memory));
    let memory = buffer.as_ptr_range();
    let Some(Packet::Publish(message)) = decoder.decode(&mut buffer).unwrap() else {
        panic!("no PUBLISH");
    };
    assert!(lies_in(memory, &message.payload));
    assert_eq!(decoder.lacks(&buffer), 0);
}

#[test]
fn a_buffer_made_for_one_message_is_not_kept_for_another() {
    let mut decoder = connected(Version::V311);
    let mut buffer = decoder.set_aside(&publish(10_000)[..50]);
    buffer.extend_from_slice(&publish(10_000)[50..]);
    buffer.extend_from_slice(&publish(5_000));
    for _ in 0..2 {
        let memory = buffer.as_ptr_range();
        let Some(Packet::Publish(message)) = decoder.decode(&mut buffer).unwrap() else {
            panic!("no PUBLISH");
        };
        assert!(!lies_in(memory, &message.payload));
    }
}
