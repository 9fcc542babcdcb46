// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who publishes: the next message, and what of those before is not acknowledged or delivered yet.

use std::io;

use super::codec::{self, PUBACK, PUBCOMP, PUBREC, PUBREL, Stamp, Template};

pub struct Publisher {
    template: Template,
    number: u32,
    /// How many subscribers get each message.
    receivers: u64,
    /// Messages sent since the run began; also the sequence number of the next.
    pub sent: u64,
    /// Exchanges that have begun and not ended.
    pub open: u64,
    /// Deliveries of what was sent that have not come.
    pub undelivered: u64,
    /// What one message adds to `open`: 0 at QoS 0.
    exchange: u64,
    /// How many exchanges the broker lets be open.
    pub limit: u64,
    last_id: u16,
}

impl Publisher {
    pub fn new(template: Template, number: u32, receivers: u64, limit: u64) -> Self {
        Self {
            exchange: template.is_acknowledged().into(),
            template,
            number,
            receivers,
            sent: 0,
            open: 0,
            undelivered: 0,
            limit,
            last_id: 0,
        }
    }

    /// Appends a message that is due at `due` nanoseconds.
    pub fn send(&mut self, out: &mut Vec<u8>, due: u64) {
        // Those in flight are far fewer than there are identifiers; 0 is none.
        self.last_id = self.last_id % u16::MAX + 1;
        let stamp = Stamp {
            publisher: self.number,
            sequence: self.sent,
            due,
        };
        self.template.write(out, self.last_id, stamp);
        self.sent += 1;
        self.open += self.exchange;
        self.undelivered += self.receivers;
    }

    /// Goes on with an exchange; the answer, if one is due, is appended to `out`.
    ///
    /// # Errors
    ///
    /// An answer that no message waits for.
    pub fn answered(&mut self, kind: u8, id: u16, out: &mut Vec<u8>) -> io::Result<()> {
        match kind {
            PUBREC => out.extend(codec::answer(PUBREL, id)),
            PUBACK | PUBCOMP if self.open > 0 => self.open -= 1,
            _ => return Err(codec::malformed("an answer that no message waits for")),
        }
        Ok(())
    }

    /// Counts a delivery; late ones of what nobody waits for any more do not matter.
    pub fn delivered(&mut self) {
        self.undelivered = self.undelivered.saturating_sub(1);
    }

    /// Whether the broker lets another message be in flight, and at most [`IN_FLIGHT`] are.
    pub fn has_room(&self) -> bool {
        self.open < self.limit.min(IN_FLIGHT)
    }

    /// Whether everything sent has been delivered and acknowledged.
    pub fn is_done(&self) -> bool {
        self.open == 0 && self.undelivered == 0
    }

    /// Bytes of one message.
    pub fn size(&self) -> usize {
        self.template.size()
    }
}

/// QoS 1 and 2 messages that every broker takes without having acknowledged them.
const IN_FLIGHT: u64 = 100;
