// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The publishers and subscribers of a work: who gets whose messages, and what each has still to come.
//!
//! Links are numbered: the publishers first, then the subscribers.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use mqtt_proto::Version;

use super::codec::{PUBREL, Packet, Template, malformed};
use super::histogram::Histogram;
use super::link::Link;
use super::publisher::Publisher;
use super::readiness::raise_descriptor_limit;
use super::subscriber::Subscriber;
use super::{Pace, Shape, Target, Work};

pub struct Clients {
    pub publishers: Vec<Publisher>,
    pub subscribers: Vec<Subscriber>,
    /// Messages that came for the first time.
    pub delivered: u64,
    /// Publishers that have nothing under way since the pacer looked last.
    pub done: Vec<usize>,
    /// When the run began.
    epoch: Instant,
    /// From when a message was due until it was read; only where messages are due at fixed times.
    pub latency: Option<Histogram>,
}

/// Connects everybody, subscribers last but before anything is published, at most [`CONNECTS`] in a second.
pub fn connect(work: &Work, target: &Target) -> io::Result<Vec<Link>> {
    raise_descriptor_limit()?;
    let publishers = work.publishers();
    let begin = Instant::now();
    let open = |number: usize| {
        let early =
            (begin + number as u32 * SECOND / CONNECTS).checked_duration_since(Instant::now());
        thread::sleep(early.unwrap_or_default());
        let topic = number.checked_sub(publishers).map(|n| work.topic(n));
        let filter = topic.as_deref().map(|topic| (topic, work.qos));
        let name = name(publishers, number);
        let link = Link::open(target, number, &name, filter);
        link.map(|mut link| {
            link.expect(work.payload);
            link
        })
        .map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))
    };
    (0..publishers + work.subscribers()).map(open).collect()
}

impl Clients {
    /// The clients behind these links.
    pub fn new(work: &Work, version: Version, links: &[Link], epoch: Instant) -> Self {
        let publishers = 0..work.publishers();
        let (receivers, senders) = match work.shape {
            Shape::Pairs(_) => (1, 1),
            Shape::FanOut(subscribers) => (subscribers, 1),
            Shape::FanIn(publishers) => (1, publishers),
        };
        let publisher = |number| {
            let template = Template::new(version, work.qos, &work.topic(number), work.payload);
            let limit = links[number].receive_maximum;
            Publisher::new(template, number as u32, receivers as u64, limit)
        };
        let subscriber = |number| {
            let first = if matches!(work.shape, Shape::Pairs(_)) {
                number
            } else {
                0
            };
            Subscriber::new(first as u32, senders, work.qos as u8)
        };
        Self {
            publishers: publishers.map(publisher).collect(),
            subscribers: (0..work.subscribers()).map(subscriber).collect(),
            delivered: 0,
            done: Vec::new(),
            epoch,
            latency: matches!(work.pace, Pace::Rate(_)).then(Histogram::default),
        }
    }

    /// Takes a packet that a link has got; answers are appended to `out`.
    pub fn take(&mut self, link: usize, packet: &Packet, out: &mut Vec<u8>) -> io::Result<()> {
        let count = self.publishers.len();
        match (packet, link.checked_sub(count)) {
            (Packet::Message { qos, id, stamp }, Some(number)) => {
                if self.subscribers[number].message(*qos, *id, stamp, out)? {
                    self.delivered += 1;
                    self.publishers[stamp.publisher as usize].delivered();
                    self.note(stamp.publisher as usize);
                    if let Some(latency) = &mut self.latency {
                        let now = self.epoch.elapsed().as_nanos() as u64;
                        latency.record(now.saturating_sub(stamp.due));
                    }
                }
                Ok(())
            }
            (Packet::Answer { kind, id }, None) => {
                self.publishers[link].answered(*kind, *id, out)?;
                self.note(link);
                Ok(())
            }
            (Packet::Answer { kind: PUBREL, id }, Some(number)) => {
                self.subscribers[number].released(*id, out)
            }
            (packet, _) => Err(malformed(&format!("{packet:?} has no place here"))),
        }
    }

    /// Whether nothing is under way.
    pub fn is_done(&self) -> bool {
        let is_released = |subscriber: &Subscriber| subscriber.unreleased == 0;
        self.publishers.iter().all(Publisher::is_done) && self.subscribers.iter().all(is_released)
    }

    /// What has not come until now will not hold up its publisher any more.
    pub fn forget_what_is_under_way(&mut self) {
        for publisher in &mut self.publishers {
            publisher.undelivered = 0;
        }
    }

    pub fn sent(&self) -> u64 {
        self.publishers.iter().map(|publisher| publisher.sent).sum()
    }

    /// Says of a fault which client met it.
    pub fn blame(&self, link: usize, error: &io::Error) -> io::Error {
        let name = name(self.publishers.len(), link);
        io::Error::new(error.kind(), format!("{name}: {error}"))
    }

    fn note(&mut self, publisher: usize) {
        if self.publishers[publisher].is_done() {
            self.done.push(publisher);
        }
    }
}

/// The client identifier of a link.
fn name(publishers: usize, link: usize) -> String {
    match link.checked_sub(publishers) {
        None => format!("load-publisher-{link}"),
        Some(number) => format!("load-subscriber-{number}"),
    }
}

impl Work {
    pub fn publishers(&self) -> usize {
        match self.shape {
            Shape::Pairs(count) | Shape::FanIn(count) => count,
            Shape::FanOut(_) => 1,
        }
    }

    pub fn subscribers(&self) -> usize {
        match self.shape {
            Shape::Pairs(count) | Shape::FanOut(count) => count,
            Shape::FanIn(_) => 1,
        }
    }

    /// The topic of a publisher or subscriber.
    fn topic(&self, number: usize) -> String {
        match self.shape {
            Shape::Pairs(_) => format!("load/{number:04}"),
            Shape::FanOut(_) | Shape::FanIn(_) => "load/0000".to_owned(),
        }
    }
}

/// Brokers limit how many may connect in a second, also from this machine.
const CONNECTS: u32 = 2_000;
const SECOND: Duration = Duration::from_secs(1);
