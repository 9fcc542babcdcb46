// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A message on its way: from the read buffer, into memory of its own once somebody keeps it, and to the store.

use std::sync::Arc;
use std::time::Duration;

use mqtt_proto::{Property, Publish, QoS};

use super::Broker;
use crate::memory::Charge;
use crate::session::Stored;
use crate::shared::GroupId;
use crate::{Body, EntryId, Location, Message, Moment};

/// A stored payload.
pub(super) struct Reference {
    /// How many queue entries and carriers name it.
    pub count: u32,
    _charge: Charge,
}

impl Reference {
    /// One claim on a message whose payload is counted with `charge`.
    pub fn new(charge: Charge) -> Self {
        Self {
            count: 1,
            ..Self::unclaimed(charge)
        }
    }

    pub fn unclaimed(charge: Charge) -> Self {
        Self {
            count: 0,
            _charge: charge,
        }
    }
}

/// A message on its way to its receivers, with the place of its payload in the store once it has one.
pub(super) struct Carrier {
    message: Arc<Message>,
    /// Topic and payload are in a read buffer.
    lent: bool,
    pub location: Option<Location>,
    /// The queue entry that it comes from, until another takes its place.
    pub moved: Option<EntryId>,
    /// The same message without its payload in memory.
    stored: Option<Arc<Message>>,
}

impl Carrier {
    pub fn new(message: Arc<Message>) -> Self {
        Self::of(message, None)
    }

    /// One of a message in a read buffer.
    pub fn lent(message: Arc<Message>) -> Self {
        Self {
            lent: true,
            ..Self::new(message)
        }
    }

    /// The message for somebody who keeps it: in memory of its own.
    pub fn kept(&mut self) -> &Arc<Message> {
        if std::mem::take(&mut self.lent) {
            let detached = self.message.detached();
            match Arc::get_mut(&mut self.message) {
                Some(place) => *place = detached,
                None => self.message = Arc::new(detached),
            }
        }
        &self.message
    }

    /// One that takes over a queue entry's claim on the stored message.
    pub fn of(message: Arc<Message>, stored: Option<Stored>) -> Self {
        Self {
            message,
            lent: false,
            location: stored.map(|stored| stored.location),
            moved: stored.map(|stored| stored.id),
            stored: None,
        }
    }

    pub fn message(&self) -> &Arc<Message> {
        &self.message
    }

    /// For a queue in which it will wait behind others: the payload is left to the store.
    pub fn without_payload(&mut self, location: Location) -> Arc<Message> {
        let message = &self.message;
        let stored = self.stored.get_or_insert_with(|| {
            let len = message.body.len();
            Arc::new(Message::new(
                message.topic.clone(),
                (message.qos, message.retain),
                message.properties.clone(),
                Body::Stored { location, len },
                message.expires,
            ))
        });
        Arc::clone(stored)
    }
}

/// How one receiver gets a message.
pub(super) struct Terms {
    pub qos: QoS,
    pub retain: bool,
    pub identifiers: Vec<u32>,
    pub group: Option<GroupId>,
}

impl Broker {
    /// The message; one that is not retained stays in the read buffer until somebody keeps it.
    pub(super) fn take_up(&mut self, now: Moment, publish: &mut Publish) -> Carrier {
        let message = Message {
            serial: Some(self.publications),
            ..message(now, publish)
        };
        if publish.retain {
            Carrier::new(self.share(message.detached()))
        } else {
            Carrier::lent(self.share(message))
        }
    }

    /// Keeps the memory of a message that nobody kept, for the next one.
    pub(super) fn keep_spare(&mut self, carrier: Carrier) {
        self.recycle(carrier.message);
    }

    /// Keeps the memory of a message, if it is nobody else's.
    pub(super) fn recycle(&mut self, mut message: Arc<Message>) {
        if self.spare.len() >= MAX_SPARE {
            return;
        }
        if let Some(place) = Arc::get_mut(&mut message) {
            *place = Message::nothing();
            self.spare.push(message);
        }
    }

    /// The message in memory that all who receive it share.
    fn share(&mut self, message: Message) -> Arc<Message> {
        match self.spare.pop() {
            Some(mut spare) => {
                if let Some(place) = Arc::get_mut(&mut spare) {
                    *place = message;
                }
                spare
            }
            None => Arc::new(message),
        }
    }
}

/// The message as it travels on, taken out of its packet but for the topic: without what concerns only this hop. [MQTT-3.3.1-3] [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16]
/// [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20]
pub(super) fn message(now: Moment, publish: &mut Publish) -> Message {
    let expires = publish.properties.message_expiry_interval();
    let mut properties = std::mem::take(&mut publish.properties);
    properties.retain(|property| {
        !matches!(
            property,
            Property::MessageExpiryInterval(_) | Property::WillDelayInterval(_)
        )
    });
    Message::new(
        publish.topic.clone(),
        (publish.qos, publish.retain),
        properties,
        Body::Inline(std::mem::take(&mut publish.payload)),
        expires.map(|seconds| now.after(Duration::from_secs(seconds.into()))),
    )
}

/// Messages whose memory is kept for the next ones.
const MAX_SPARE: usize = 256;
