// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The properties of messages and wills in the store's own form, which no change of the wire's code alters.

use mqtt_proto::{Properties, Property};

use crate::cursor::{Cursor, put_block, put_number};

/// Writes how many there are, then each; those that neither a message nor a will can have are left out.
pub(crate) fn put_properties(properties: &Properties, out: &mut Vec<u8>) {
    let kept = properties.iter().filter(|property| is_kept(property));
    put_number(kept.count() as u64, out);
    for property in properties {
        put_property(property, out);
    }
}

fn is_kept(property: &Property) -> bool {
    let mut written = Vec::new();
    put_property(property, &mut written);
    !written.is_empty()
}

fn put_property(property: &Property, out: &mut Vec<u8>) {
    match property {
        Property::PayloadFormatIndicator(text) => out.extend([id::PAYLOAD_FORMAT, u8::from(*text)]),
        Property::MessageExpiryInterval(seconds) => {
            out.push(id::MESSAGE_EXPIRY);
            put_number(u64::from(*seconds), out);
        }
        Property::ContentType(text) => {
            out.push(id::CONTENT_TYPE);
            put_block(text.as_bytes(), out);
        }
        Property::ResponseTopic(text) => {
            out.push(id::RESPONSE_TOPIC);
            put_block(text.as_bytes(), out);
        }
        Property::CorrelationData(bytes) => {
            out.push(id::CORRELATION_DATA);
            put_block(bytes, out);
        }
        Property::WillDelayInterval(seconds) => {
            out.push(id::WILL_DELAY);
            put_number(u64::from(*seconds), out);
        }
        Property::UserProperty(name, value) => {
            out.push(id::USER);
            put_block(name.as_bytes(), out);
            put_block(value.as_bytes(), out);
        }
        _ => {}
    }
}

pub(crate) fn properties(cursor: &mut Cursor<'_>) -> Option<Properties> {
    let count = cursor.number()?;
    let mut properties = Properties::new();
    for _ in 0..count {
        properties.push(match cursor.u8()? {
            id::PAYLOAD_FORMAT => Property::PayloadFormatIndicator(cursor.u8()? != 0),
            id::MESSAGE_EXPIRY => Property::MessageExpiryInterval(cursor.u32()?),
            id::CONTENT_TYPE => Property::ContentType(cursor.string()?),
            id::RESPONSE_TOPIC => Property::ResponseTopic(cursor.string()?),
            id::CORRELATION_DATA => Property::CorrelationData(cursor.bytes()?),
            id::WILL_DELAY => Property::WillDelayInterval(cursor.u32()?),
            id::USER => Property::UserProperty(cursor.string()?, cursor.string()?),
            _ => return None,
        });
    }
    Some(properties)
}

/// Those of MQTT 5.
mod id {
    pub(super) const PAYLOAD_FORMAT: u8 = 0x01;
    pub(super) const MESSAGE_EXPIRY: u8 = 0x02;
    pub(super) const CONTENT_TYPE: u8 = 0x03;
    pub(super) const RESPONSE_TOPIC: u8 = 0x08;
    pub(super) const CORRELATION_DATA: u8 = 0x09;
    pub(super) const WILL_DELAY: u8 = 0x18;
    pub(super) const USER: u8 = 0x26;
}
