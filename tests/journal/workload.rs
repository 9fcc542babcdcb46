// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Random records as a core could emit them.

use std::sync::Arc;

use bytes::Bytes;
use mqtt_core::{
    Body, Entry, EntryId, Location, Message, Moment, Owner, Progress, Record, SessionKey,
};
use mqtt_proto::{Filter, PacketId, Properties, Property, QoS, SubscribeOptions, Topic, Will};
use tests::Random;

/// What has been named so far, so that records fit together more often than not.
#[derive(Default)]
pub struct Workload {
    entries: Vec<(EntryId, Location)>,
    messages: Vec<Location>,
    /// The number of the newest record.
    pub last: u64,
    /// Payload bytes at most.
    pub payload: usize,
}

impl Workload {
    pub fn new(payload: usize) -> Self {
        Self {
            payload,
            ..Self::default()
        }
    }

    /// The next record.
    pub fn next(&mut self, random: &mut Random) -> Record {
        self.last += 1;
        let session = session(random);
        match random.below(30) {
            0..=2 => Record::Session {
                session,
                expiry_seconds: random.below(1_000_000) as u32,
                will: random.chance(40).then(|| Box::new(will(random))),
            },
            3 => Record::Absent {
                session,
                expires: moment(random),
                will_due: moment(random),
            },
            4 => Record::SessionEnded { session },
            5..=6 => Record::Subscribed {
                session,
                filter: filter(random),
                options: options(random),
                identifier: random
                    .chance(50)
                    .then(|| 1 + random.below(1_000_000) as u32),
            },
            7 => Record::Unsubscribed {
                session,
                filter: filter(random),
            },
            8 => Record::Received {
                session,
                packet_id: packet_id(random),
            },
            9 => Record::Released {
                session,
                packet_id: packet_id(random),
            },
            10..=12 => Record::Retained(Arc::new(self.message(random))),
            13 => Record::Unretained(topic(random)),
            14..=18 => self.new_message(random),
            19..=24 => self.entry(random),
            25..=27 => self.done(random),
            _ => self.forget(random),
        }
    }

    fn new_message(&mut self, random: &mut Random) -> Record {
        let location = Location(self.last);
        self.messages.push(location);
        Record::Message {
            location,
            message: Arc::new(self.message(random)),
        }
    }

    fn entry(&mut self, random: &mut Random) -> Record {
        if self.messages.is_empty() {
            return self.new_message(random);
        }
        let (id, location) = match self.entries.is_empty() || random.chance(60) {
            true => (EntryId(self.last), *random.pick(&self.messages)),
            false => *random.pick(&self.entries),
        };
        self.entries.push((id, location));
        let owner = match random.chance(30) {
            true => Owner::Group(group(random)),
            false => Owner::Session(session(random)),
        };
        Record::Entry(Box::new(Entry {
            id,
            owner,
            location,
            qos: qos(random),
            retain: random.chance(50),
            identifiers: (0..random.below(3) as u32).collect(),
            group: random.chance(30).then(|| group(random)),
            progress: progress(random),
        }))
    }

    fn done(&mut self, random: &mut Random) -> Record {
        if self.entries.is_empty() {
            return self.new_message(random);
        }
        let (id, _) = self.entries.swap_remove(random.below(self.entries.len()));
        Record::Done {
            id,
            session: random.chance(70).then(|| session(random)),
        }
    }

    fn forget(&mut self, random: &mut Random) -> Record {
        if self.messages.is_empty() {
            return self.new_message(random);
        }
        let location = self.messages.swap_remove(random.below(self.messages.len()));
        Record::Forget { location }
    }

    fn message(&self, random: &mut Random) -> Message {
        let len = match random.below(10) {
            0 => 0,
            1..=7 => random.below(self.payload.min(200)),
            _ => random.below(self.payload),
        };
        let kind = (qos(random), random.chance(50));
        let payload = Body::Inline(Bytes::from(random.bytes(len)));
        let expires = moment(random);
        Message::new(topic(random), kind, properties(random), payload, expires)
    }
}

fn session(random: &mut Random) -> SessionKey {
    SessionKey {
        user: (*random.pick(&["", "ann"])).into(),
        client_id: (*random.pick(&["pump", "door", "lamp"])).into(),
    }
}

fn topic(random: &mut Random) -> Topic {
    let name = random.pick(&["a", "a/b", "hall/lamp/state", "ä/ö", "x/y/z", "q"]);
    Topic::new((*name).into()).expect("a topic name")
}

fn filter(random: &mut Random) -> Filter {
    let filter = random.pick(&["#", "a/+", "hall/#", "$share/g/q"]);
    Filter::new((*filter).into()).expect("a topic filter")
}

fn group(random: &mut Random) -> Filter {
    let filter = random.pick(&["$share/g/#", "$share/h/a/+"]);
    Filter::new((*filter).into()).expect("a topic filter")
}

fn options(random: &mut Random) -> SubscribeOptions {
    SubscribeOptions {
        qos: qos(random),
        no_local: random.chance(50),
        retain_as_published: random.chance(50),
        retain_handling: *random.pick(&[
            mqtt_proto::RetainHandling::Send,
            mqtt_proto::RetainHandling::SendIfNew,
            mqtt_proto::RetainHandling::DoNotSend,
        ]),
    }
}

fn will(random: &mut Random) -> Will {
    let len = random.below(80);
    Will {
        topic: topic(random),
        payload: Bytes::from(random.bytes(len)),
        qos: qos(random),
        retain: random.chance(50),
        properties: properties(random),
    }
}

fn properties(random: &mut Random) -> Properties {
    let all = [
        Property::PayloadFormatIndicator(random.chance(50)),
        Property::MessageExpiryInterval(random.below(1 << 30) as u32),
        Property::ContentType("text/plain".into()),
        Property::ResponseTopic("answers".into()),
        Property::CorrelationData(Bytes::from(random.bytes(9))),
        Property::WillDelayInterval(random.below(1 << 30) as u32),
        Property::UserProperty("colour".into(), "grün".into()),
        Property::UserProperty("colour".into(), String::new().into()),
    ];
    all.into_iter().filter(|_| random.chance(15)).collect()
}

fn progress(random: &mut Random) -> Progress {
    let serial = random.below(1_000) as u64;
    match random.below(3) {
        0 => Progress::Waiting,
        1 => Progress::Sent {
            packet_id: packet_id(random),
            serial,
        },
        _ => Progress::Confirmed {
            packet_id: packet_id(random),
            serial,
            received: random.below(1_000) as u64,
        },
    }
}

fn packet_id(random: &mut Random) -> PacketId {
    PacketId::new(1 + random.below(4) as u16).expect("not 0")
}

fn qos(random: &mut Random) -> QoS {
    *random.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce])
}

fn moment(random: &mut Random) -> Option<Moment> {
    let millis = random.below(1 << 40) as u64;
    random.chance(60).then(|| Moment::from_millis(millis))
}
