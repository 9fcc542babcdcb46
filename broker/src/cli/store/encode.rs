// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Records as lines of an export.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mqtt_core::{self as core, Location, Moment, Owner, Progress, Record, SessionKey};
use mqtt_proto::{Property, SubscribeOptions, Will};

use super::line::{
    Absent, Entry, Line, Message, Properties, Received, Sent, Session, Subscription,
};

/// What a record's line needs besides the record.
pub struct Context<'a> {
    /// The time of the newest batch, from which remaining times count.
    pub now: Moment,
    /// The number of a message in the export.
    pub number: &'a dyn Fn(Location) -> Option<u64>,
    /// The message's payload, which may be in the store only.
    pub payload: &'a [u8],
}

/// The line of a record; none for one that only takes something away.
pub fn line(record: &Record, context: &Context<'_>) -> Option<Line> {
    Some(match record {
        Record::Session {
            session,
            expiry_seconds,
            will: last,
        } => Line::Session(Session {
            client_id: session.client_id.to_string(),
            user: session.user.to_string(),
            expiry_seconds: *expiry_seconds,
            will: last.as_deref().map(|last| Box::new(will(last))),
        }),
        Record::Absent {
            session,
            expires,
            will_due,
        } => Line::Absent(Absent {
            client_id: session.client_id.to_string(),
            user: session.user.to_string(),
            expires_in: expires.map(|at| remaining(at, context.now)),
            will_in: will_due.map(|at| remaining(at, context.now)),
        }),
        Record::Subscribed {
            session,
            filter,
            options,
            identifier,
        } => Line::Subscription(subscription(session, filter, *options, *identifier)),
        Record::Received { session, packet_id } => Line::Received(Received {
            client_id: session.client_id.to_string(),
            user: session.user.to_string(),
            packet_id: packet_id.get(),
        }),
        Record::Retained(kept) => Line::Retained(message(kept, None, context)),
        Record::Message {
            location,
            message: waiting,
        } => Line::Message(message(waiting, (context.number)(*location), context)),
        Record::Entry(place) => Line::Entry(entry(place, (context.number)(place.location)?)),
        Record::SessionEnded { .. }
        | Record::Unsubscribed { .. }
        | Record::Forget { .. }
        | Record::Done { .. }
        | Record::Released { .. }
        | Record::Unretained(_) => return None,
    })
}

fn subscription(
    session: &SessionKey,
    filter: &str,
    options: SubscribeOptions,
    identifier: Option<u32>,
) -> Subscription {
    Subscription {
        client_id: session.client_id.to_string(),
        user: session.user.to_string(),
        filter: filter.to_owned(),
        qos: options.qos as u8,
        no_local: options.no_local,
        retain_as_published: options.retain_as_published,
        retain_handling: options.retain_handling as u8,
        identifier,
    }
}

fn message(message: &core::Message, number: Option<u64>, context: &Context<'_>) -> Message {
    let (payload, payload_base64) = data(context.payload);
    Message {
        number,
        topic: message.topic.to_string(),
        qos: message.qos as u8,
        retain: message.retain,
        expires_in: message.expires.map(|at| remaining(at, context.now)),
        properties: properties(&message.properties),
        payload,
        payload_base64,
    }
}

fn will(will: &Will) -> Message {
    let (payload, payload_base64) = data(&will.payload);
    Message {
        number: None,
        topic: will.topic.to_string(),
        qos: will.qos as u8,
        retain: will.retain,
        expires_in: None,
        properties: properties(&will.properties),
        payload,
        payload_base64,
    }
}

/// None where there are none; a message in the store has no others than these.
fn properties(list: &mqtt_proto::Properties) -> Option<Box<Properties>> {
    let mut properties = Properties::default();
    for property in list {
        match property {
            Property::PayloadFormatIndicator(text) => {
                properties.payload_format_indicator = Some(*text);
            }
            Property::MessageExpiryInterval(seconds) => {
                properties.message_expiry_interval = Some(*seconds);
            }
            Property::ContentType(text) => properties.content_type = Some(text.to_string()),
            Property::ResponseTopic(topic) => properties.response_topic = Some(topic.to_string()),
            Property::CorrelationData(bytes) => {
                (
                    properties.correlation_data,
                    properties.correlation_data_base64,
                ) = data(bytes);
            }
            Property::WillDelayInterval(seconds) => properties.will_delay_interval = Some(*seconds),
            Property::UserProperty(name, value) => {
                let pair = (name.to_string(), value.to_string());
                properties.user_properties.push(pair);
            }
            _ => {}
        }
    }
    (properties != Properties::default()).then(|| Box::new(properties))
}

fn entry(entry: &core::Entry, message: u64) -> Entry {
    let (client_id, user, group) = match &entry.owner {
        Owner::Session(session) => {
            let client_id = session.client_id.to_string();
            (Some(client_id), session.user.to_string(), None)
        }
        Owner::Group(filter) => (None, String::new(), Some(filter.to_string())),
    };
    Entry {
        message,
        client_id,
        user,
        group,
        qos: entry.qos as u8,
        retain: entry.retain,
        identifiers: entry.identifiers.clone(),
        through: entry.group.as_ref().map(ToString::to_string),
        sent: sent(entry.progress),
    }
}

fn sent(progress: Progress) -> Option<Sent> {
    let (packet_id, serial, confirmed) = match progress {
        Progress::Waiting => return None,
        Progress::Sent { packet_id, serial } => (packet_id, serial, None),
        Progress::Confirmed {
            packet_id,
            serial,
            received,
        } => (packet_id, serial, Some(received)),
    };
    Some(Sent {
        packet_id: packet_id.get(),
        serial,
        confirmed,
    })
}

/// Text where it is UTF-8, else base64.
fn data(bytes: &[u8]) -> (Option<String>, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(STANDARD.encode(bytes))),
    }
}

/// Whole seconds, rounded up, so that a second export of the same says the same.
fn remaining(at: Moment, now: Moment) -> u64 {
    let left = at.as_millis().saturating_sub(now.as_millis());
    left.div_ceil(1_000)
}
