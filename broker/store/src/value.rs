// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The values that operations put, between records and bytes.

mod entry;
mod message;

pub(crate) use entry::{StoredEntry, StoredOwner};
pub(crate) use message::{StoredMessage, payload_of};

use mqtt_core::{Moment, Record, SessionKey};
use mqtt_proto::{QoS, RetainHandling, SubscribeOptions, Topic, Will};

use crate::cursor::{Cursor, put_block, put_number, put_optional};
use crate::properties::{properties, put_properties};

/// Writes what a record puts; `sid` is the session of a queue entry, 0 where a group has it.
pub(crate) fn put_value(record: &Record, sid: u64, out: &mut Vec<u8>) {
    match record {
        Record::Session {
            session,
            expiry_seconds,
            will,
        } => put_session(session, *expiry_seconds, will.as_deref(), out),
        Record::Absent {
            expires, will_due, ..
        } => {
            put_optional(expires.map(Moment::as_millis), out);
            put_optional(will_due.map(Moment::as_millis), out);
        }
        Record::Subscribed {
            options,
            identifier,
            ..
        } => {
            out.push(options_byte(options));
            put_optional(identifier.map(u64::from), out);
        }
        Record::Message { message, .. } => {
            put_block(message.topic.as_bytes(), out);
            message::put_message(message, out);
        }
        Record::Retained(message) => message::put_message(message, out),
        Record::Entry(entry) => entry::put_entry(entry, sid, out),
        _ => {}
    }
}

fn put_session(session: &SessionKey, expiry_seconds: u32, will: Option<&Will>, out: &mut Vec<u8>) {
    put_block(session.user.as_bytes(), out);
    put_block(session.client_id.as_bytes(), out);
    put_number(u64::from(expiry_seconds), out);
    let Some(will) = will else {
        return out.push(0);
    };
    out.push(1);
    out.push(flags(will.qos, will.retain));
    put_block(will.topic.as_bytes(), out);
    put_block(&will.payload, out);
    put_properties(&will.properties, out);
}

/// The record of a session.
pub(crate) fn session(value: &[u8]) -> Option<(SessionKey, u32, Option<Box<Will>>)> {
    let mut cursor = Cursor::new(value);
    let session = SessionKey {
        user: cursor.string()?,
        client_id: cursor.string()?,
    };
    let expiry_seconds = cursor.u32()?;
    let will = match cursor.u8()? {
        0 => None,
        _ => {
            let (qos, retain) = read_flags(cursor.u8()?)?;
            Some(Box::new(Will {
                qos,
                retain,
                topic: Topic::new(cursor.string()?).ok()?,
                payload: cursor.bytes()?,
                properties: properties(&mut cursor)?,
            }))
        }
    };
    Some((session, expiry_seconds, will))
}

/// When an absent session ends, and when its will is due.
pub(crate) fn absent(value: &[u8]) -> Option<(Option<Moment>, Option<Moment>)> {
    let mut cursor = Cursor::new(value);
    let mut moment = || Some(cursor.optional()?.map(Moment::from_millis));
    Some((moment()?, moment()?))
}

/// The options and the identifier of a subscription.
pub(crate) fn subscription(value: &[u8]) -> Option<(SubscribeOptions, Option<u32>)> {
    let mut cursor = Cursor::new(value);
    let byte = cursor.u8()?;
    let options = SubscribeOptions {
        qos: qos(byte)?,
        no_local: byte & 0x04 != 0,
        retain_as_published: byte & 0x08 != 0,
        retain_handling: match byte >> 4 {
            0 => RetainHandling::Send,
            1 => RetainHandling::SendIfNew,
            2 => RetainHandling::DoNotSend,
            _ => return None,
        },
    };
    let identifier = cursor.optional()?;
    let identifier = identifier.map(u32::try_from).transpose().ok()?;
    Some((options, identifier))
}

/// As MQTT 5 has it in a SUBSCRIBE.
fn options_byte(options: &SubscribeOptions) -> u8 {
    options.qos as u8
        | u8::from(options.no_local) << 2
        | u8::from(options.retain_as_published) << 3
        | (options.retain_handling as u8) << 4
}

fn flags(qos: QoS, retain: bool) -> u8 {
    qos as u8 | u8::from(retain) << 2
}

fn read_flags(byte: u8) -> Option<(QoS, bool)> {
    Some((qos(byte)?, byte & 0x04 != 0))
}

fn qos(byte: u8) -> Option<QoS> {
    match byte & 0x03 {
        0 => Some(QoS::AtMostOnce),
        1 => Some(QoS::AtLeastOnce),
        2 => Some(QoS::ExactlyOnce),
        _ => None,
    }
}
