// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who subscribes: checks every message that comes, and acknowledges it.

use std::io;

use super::Outcome;
use super::codec::{self, PUBACK, PUBCOMP, PUBREC, Stamp};
use super::publisher::Publisher;
use super::streams::Stream;

pub struct Subscriber {
    /// The first of the publishers that send to it.
    first: u32,
    /// One for each of them.
    streams: Vec<Stream>,
    qos: u8,
    /// QoS 2 messages that the broker has not released.
    pub unreleased: u64,
}

impl Subscriber {
    pub fn new(first: u32, publishers: usize, qos: u8) -> Self {
        let mut streams = Vec::new();
        streams.resize_with(publishers, Stream::default);
        Self {
            first,
            streams,
            qos,
            unreleased: 0,
        }
    }

    /// Takes a message and appends what acknowledges it to `out`; tells whether it came for the first time.
    ///
    /// # Errors
    ///
    /// A message that nobody sent to this subscriber, or at another quality of service.
    pub fn message(
        &mut self,
        qos: u8,
        id: u16,
        stamp: &Stamp,
        out: &mut Vec<u8>,
    ) -> io::Result<bool> {
        let stream = stamp.publisher.checked_sub(self.first);
        let stream = stream.and_then(|n| self.streams.get_mut(n as usize));
        let stream = stream.ok_or_else(|| codec::malformed("a message for somebody else"))?;
        if qos != self.qos {
            return Err(codec::malformed("a message at another quality of service"));
        }
        match qos {
            0 => {}
            1 => out.extend(codec::answer(PUBACK, id)),
            _ => {
                out.extend(codec::answer(PUBREC, id));
                self.unreleased += 1;
            }
        }
        Ok(stream.arrived(stamp.sequence))
    }

    /// Ends a QoS 2 exchange.
    ///
    /// # Errors
    ///
    /// There is none to end.
    pub fn released(&mut self, id: u16, out: &mut Vec<u8>) -> io::Result<()> {
        if self.unreleased == 0 {
            return Err(codec::malformed("a release that no message waits for"));
        }
        self.unreleased -= 1;
        out.extend(codec::answer(PUBCOMP, id));
        Ok(())
    }

    /// What came of all messages of its publishers, of whom `publishers` are all there are.
    pub fn outcome(&self, publishers: &[Publisher]) -> Outcome {
        let mut outcome = Outcome::default();
        for (publisher, stream) in publishers[self.first as usize..].iter().zip(&self.streams) {
            let lost = stream.missing(publisher.sent);
            outcome.sent += publisher.sent;
            outcome.delivered += publisher.sent - lost;
            outcome.lost += lost;
            outcome.duplicated += stream.duplicated;
            outcome.reordered += stream.reordered;
        }
        outcome
    }
}
