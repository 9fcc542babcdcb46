// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Lines of an export as records, and what may be wrong with a line by itself.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use bytestring::ByteString;
use mqtt_core::{self as core, Body, Moment, Owner, Progress, SessionKey};
use mqtt_proto::{
    Filter, FilterError, PacketId, Property, QoS, RetainHandling, SubscribeOptions, Topic,
    TopicError, Will,
};

use super::line::{Entry, Message, Properties, Sent, Subscription};

/// What is wrong with a line.
#[derive(Debug, PartialEq)]
pub enum Fault {
    /// As the parser of JSON says it.
    Json(Box<str>),
    Topic(TopicError),
    Filter(FilterError),
    QoS(u8),
    RetainHandling(u8),
    PacketIdZero,
    NullCharacter,
    /// A subscription identifier.
    Identifier(u32),
    /// The member must name a shared subscription.
    NotShared(&'static str),
    Base64,
    /// The member stands in both its forms, or in none.
    OneOf(&'static str, &'static str),
    /// The member has no place here.
    Misplaced(&'static str),
    TooLarge(&'static str),
}

pub fn session(client_id: &str, user: &str) -> Result<SessionKey, Fault> {
    Ok(SessionKey {
        user: text(user)?,
        client_id: text(client_id)?,
    })
}

/// A string as MQTT has them. [MQTT-1.5.4-2]
fn text(text: &str) -> Result<ByteString, Fault> {
    match text {
        _ if text.contains('\0') => Err(Fault::NullCharacter),
        _ if text.len() > usize::from(u16::MAX) => Err(Fault::TooLarge("a text")),
        _ => Ok(text.into()),
    }
}

pub fn filter(text: &str) -> Result<Filter, Fault> {
    Filter::new(text.into()).map_err(Fault::Filter)
}

/// A shared subscription's filter.
fn shared(text: &str, member: &'static str) -> Result<Filter, Fault> {
    let filter = filter(text)?;
    match filter.share() {
        Some(_) => Ok(filter),
        None => Err(Fault::NotShared(member)),
    }
}

pub fn packet_id(number: u16) -> Result<PacketId, Fault> {
    PacketId::new(number).ok_or(Fault::PacketIdZero)
}

/// The moment that is so many seconds away, at most 1,000 years.
pub fn due(seconds: Option<u64>, now: Moment) -> Result<Option<Moment>, Fault> {
    match seconds {
        Some(seconds) if seconds > MAX_SECONDS => Err(Fault::TooLarge("a remaining time")),
        seconds => Ok(seconds.map(|seconds| now.after(Duration::from_secs(seconds)))),
    }
}

pub fn options(line: &Subscription) -> Result<SubscribeOptions, Fault> {
    Ok(SubscribeOptions {
        qos: qos(line.qos)?,
        no_local: line.no_local,
        retain_as_published: line.retain_as_published,
        retain_handling: match line.retain_handling {
            0 => RetainHandling::Send,
            1 => RetainHandling::SendIfNew,
            2 => RetainHandling::DoNotSend,
            other => return Err(Fault::RetainHandling(other)),
        },
    })
}

/// A message that waits or is retained.
pub fn message(line: &Message, now: Moment) -> Result<core::Message, Fault> {
    let properties = match line.properties.as_deref() {
        Some(Properties {
            message_expiry_interval: Some(_),
            ..
        }) => return Err(Fault::Misplaced("message_expiry_interval")),
        Some(Properties {
            will_delay_interval: Some(_),
            ..
        }) => return Err(Fault::Misplaced("will_delay_interval")),
        listed => properties(listed)?,
    };
    Ok(core::Message::new(
        Topic::new(line.topic.as_str().into()).map_err(Fault::Topic)?,
        (qos(line.qos)?, line.retain),
        properties,
        Body::Inline(payload(line)?),
        due(line.expires_in, now)?,
    ))
}

pub fn will(line: &Message) -> Result<Will, Fault> {
    if line.number.is_some() {
        return Err(Fault::Misplaced("number"));
    }
    if line.expires_in.is_some() {
        return Err(Fault::Misplaced("expires_in"));
    }
    Ok(Will {
        topic: Topic::new(line.topic.as_str().into()).map_err(Fault::Topic)?,
        payload: payload(line)?,
        qos: qos(line.qos)?,
        retain: line.retain,
        properties: properties(line.properties.as_deref())?,
    })
}

fn payload(line: &Message) -> Result<Bytes, Fault> {
    data(
        (line.payload.as_deref(), "payload"),
        (line.payload_base64.as_deref(), "payload_base64"),
    )
}

fn properties(listed: Option<&Properties>) -> Result<mqtt_proto::Properties, Fault> {
    let mut list = mqtt_proto::Properties::new();
    let Some(listed) = listed else {
        return Ok(list);
    };
    let mut add = |property: Option<Property>| property.into_iter().for_each(|it| list.push(it));
    add(listed
        .payload_format_indicator
        .map(Property::PayloadFormatIndicator));
    add(listed
        .message_expiry_interval
        .map(Property::MessageExpiryInterval));
    if let Some(content_type) = listed.content_type.as_deref() {
        add(Some(Property::ContentType(text(content_type)?)));
    }
    if let Some(topic) = listed.response_topic.as_deref() {
        Topic::new(topic.into()).map_err(Fault::Topic)?;
        add(Some(Property::ResponseTopic(topic.into())));
    }
    if listed.correlation_data.is_some() || listed.correlation_data_base64.is_some() {
        add(Some(Property::CorrelationData(correlation(listed)?)));
    }
    add(listed.will_delay_interval.map(Property::WillDelayInterval));
    for (name, value) in &listed.user_properties {
        let property = Property::UserProperty(text(name)?, text(value)?);
        add(Some(property));
    }
    match list.encoded_len() {
        0..=MAX_PROPERTIES => Ok(list),
        _ => Err(Fault::TooLarge("properties")),
    }
}

fn correlation(listed: &Properties) -> Result<Bytes, Fault> {
    let bytes = data(
        (listed.correlation_data.as_deref(), "correlation_data"),
        (
            listed.correlation_data_base64.as_deref(),
            "correlation_data_base64",
        ),
    )?;
    match bytes.len() {
        0..=MAX_DATA => Ok(bytes),
        _ => Err(Fault::TooLarge("correlation_data")),
    }
}

/// An entry without its number and its message's place.
pub fn entry(line: Entry) -> Result<core::Entry, Fault> {
    let owner = match (&line.client_id, &line.group) {
        (Some(client_id), None) => Owner::Session(session(client_id, &line.user)?),
        (None, Some(_)) if !line.user.is_empty() => return Err(Fault::Misplaced("user")),
        (None, Some(group)) => Owner::Group(shared(group, "group")?),
        _ => return Err(Fault::OneOf("client_id", "group")),
    };
    let through = line.through.as_deref();
    let identifiers = line.identifiers.into_iter().map(identifier);
    Ok(core::Entry {
        id: core::EntryId(0),
        owner,
        location: core::Location(0),
        qos: qos(line.qos)?,
        retain: line.retain,
        identifiers: identifiers.collect::<Result<_, _>>()?,
        group: through.map(|group| shared(group, "through")).transpose()?,
        progress: progress(line.sent)?,
    })
}

fn progress(sent: Option<Sent>) -> Result<Progress, Fault> {
    let Some(sent) = sent else {
        return Ok(Progress::Waiting);
    };
    let packet_id = packet_id(sent.packet_id)?;
    let serial = sent.serial;
    if serial.max(sent.confirmed.unwrap_or_default()) > MAX_SERIAL {
        return Err(Fault::TooLarge("serial"));
    }
    Ok(match sent.confirmed {
        None => Progress::Sent { packet_id, serial },
        Some(received) => Progress::Confirmed {
            packet_id,
            serial,
            received,
        },
    })
}

/// As a variable byte integer can carry it.
pub fn identifier(number: u32) -> Result<u32, Fault> {
    match number {
        1..=268_435_455 => Ok(number),
        _ => Err(Fault::Identifier(number)),
    }
}

fn qos(number: u8) -> Result<QoS, Fault> {
    match number {
        0 => Ok(QoS::AtMostOnce),
        1 => Ok(QoS::AtLeastOnce),
        2 => Ok(QoS::ExactlyOnce),
        other => Err(Fault::QoS(other)),
    }
}

/// A member in one of its two forms.
fn data(
    (text, text_name): (Option<&str>, &'static str),
    (base64, base64_name): (Option<&str>, &'static str),
) -> Result<Bytes, Fault> {
    match (text, base64) {
        (Some(text), None) => Ok(Bytes::copy_from_slice(text.as_bytes())),
        (None, Some(base64)) => STANDARD
            .decode(base64)
            .map(Bytes::from)
            .map_err(|_| Fault::Base64),
        _ => Err(Fault::OneOf(text_name, base64_name)),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(text) => f.write_str(text),
            Self::Topic(error) => write!(f, "not a topic name: {error}"),
            Self::Filter(error) => write!(f, "not a topic filter: {error}"),
            Self::QoS(number) => write!(f, "qos is 0, 1 or 2, not {number}"),
            Self::RetainHandling(number) => {
                write!(f, "retain_handling is 0, 1 or 2, not {number}")
            }
            Self::PacketIdZero => f.write_str("packet_id is 1 to 65535, not 0"),
            Self::Identifier(number) => {
                write!(
                    f,
                    "a subscription identifier is 1 to 268435455, not {number}"
                )
            }
            Self::NullCharacter => f.write_str("a text must not contain U+0000"),
            Self::NotShared(member) => {
                write!(
                    f,
                    "{member} must be a shared subscription: $share/NAME/FILTER"
                )
            }
            Self::Base64 => f.write_str("not base64"),
            Self::OneOf(one, other) => write!(f, "either {one} or {other} must stand here"),
            Self::Misplaced(member) => write!(f, "{member} has no place here"),
            Self::TooLarge(what) => write!(f, "{what} is too large"),
        }
    }
}

const MAX_SECONDS: u64 = 1_000 * 366 * 86_400;
/// So many can be added before they overflow that nobody sees it.
const MAX_SERIAL: u64 = 1 << 62;
/// Bytes of binary data, as two bytes count them.
const MAX_DATA: usize = u16::MAX as usize;
/// Bytes, as the codec limits them.
const MAX_PROPERTIES: usize = 65_536 + 4;
