// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The sender's half of QoS 1 and 2: what waits, what is in flight, and under which packet identifier.

use std::collections::VecDeque;

use mqtt_proto::{PacketId, QoS};

use crate::session::{Queue, Queued};
use crate::{ConnectionId, Location, Progress};

/// How far the exchange of a message in flight is.
///
/// ```text
///  QoS 1   Acknowledge ──PUBACK──▶ gone
///  QoS 2   Receive ──PUBREC──▶ Complete ──PUBCOMP──▶ gone
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// PUBACK is awaited. [MQTT-4.3.2-3]
    Acknowledge,
    /// PUBREC is awaited. [MQTT-4.3.3-3]
    Receive,
    /// PUBCOMP is awaited; the message itself is not sent again. [MQTT-4.3.3-5] [MQTT-4.3.3-6], in 3.1.1 [MQTT-4.3.3-1]
    Complete,
}

/// A message between its first transmission and the end of its exchange.
#[derive(Clone, Debug)]
pub(crate) struct Inflight {
    pub serial: u64,
    pub packet_id: PacketId,
    pub stage: Stage,
    pub entry: Queued,
    /// Counts PUBRECs: the place among the PUBRELs to send again.
    pub received: u64,
    /// Its PUBLISH was sent on the present connection and counts against the window.
    counted: bool,
    /// It never left the broker.
    withheld: bool,
}

impl Inflight {
    /// How far it is, for the store.
    pub fn progress(&self) -> Progress {
        let Self {
            packet_id,
            serial,
            received,
            ..
        } = *self;
        match self.stage {
            Stage::Complete => Progress::Confirmed {
                packet_id,
                serial,
                received,
            },
            Stage::Acknowledge | Stage::Receive => Progress::Sent { packet_id, serial },
        }
    }
}

/// What an acknowledgement did.
pub(crate) enum AckOutcome {
    /// The exchange ended.
    Done,
    /// PUBREL is due now, for the first time.
    Release,
    /// PUBREL is due again.
    ReleaseAgain,
    /// No exchange waits for this packet.
    Unknown,
}

/// Messages to one client.
pub(crate) struct Outbound {
    pub queue: Queue,
    inflight: VecDeque<Inflight>,
    window: usize,
    /// Messages in flight that count against the window.
    counted: usize,
    /// Messages in flight that were sent on an earlier connection only.
    unsent: usize,
    last_serial: u64,
    last_received: u64,
    /// Messages dropped since the queue was last empty.
    pub dropped: u64,
    /// The same since the session began.
    pub dropped_in_all: u64,
    /// Payloads asked of the store and not yet answered.
    pub fetching: usize,
}

impl Outbound {
    pub fn new(window: u16, queue: Queue) -> Self {
        Self {
            queue,
            inflight: VecDeque::new(),
            window: usize::from(window),
            counted: 0,
            unsent: 0,
            last_serial: 0,
            last_received: 0,
            dropped: 0,
            dropped_in_all: 0,
            fetching: 0,
        }
    }

    /// A new connection: its window starts empty, and every PUBLISH in flight is to be sent again.
    /// [MQTT-4.4.0-1] [MQTT-3.3.4-9] [MQTT-4.8.2-4]
    pub fn begin(&mut self, window: u16) {
        self.window = usize::from(window);
        self.counted = 0;
        self.unsent = 0;
        self.fetching = 0;
        for message in &mut self.inflight {
            message.counted = false;
            self.unsent += usize::from(message.stage != Stage::Complete);
        }
    }

    /// Takes back what was in flight when the broker ended; none is counted until a connection begins.
    pub fn restore(&mut self, entry: Queued, progress: Progress) {
        let exact = entry.qos == QoS::ExactlyOnce;
        let (packet_id, serial, received, stage) = match progress {
            Progress::Waiting => return self.queue.push_back(entry),
            Progress::Sent { packet_id, serial } if exact => (packet_id, serial, 0, Stage::Receive),
            Progress::Sent { packet_id, serial } => (packet_id, serial, 0, Stage::Acknowledge),
            Progress::Confirmed {
                packet_id,
                serial,
                received,
            } => (packet_id, serial, received, Stage::Complete),
        };
        self.last_serial = self.last_serial.max(serial);
        self.last_received = self.last_received.max(received);
        let message = Inflight {
            serial,
            packet_id,
            stage,
            entry,
            received,
            counted: false,
            withheld: false,
        };
        let place = self.inflight.partition_point(|m| m.serial < serial);
        self.inflight.insert(place, message);
    }

    /// What is in flight, in the order of its first transmission.
    pub fn all_in_flight(&self) -> impl Iterator<Item = &Inflight> {
        self.inflight.iter()
    }

    /// Whether a message that is queued now has to stay there.
    pub fn would_wait(&self, connection: Option<ConnectionId>) -> bool {
        connection.is_none() || !self.queue.is_empty() || !self.has_room()
    }

    /// Whether another message may be in flight. [MQTT-4.9.0-2]
    pub fn has_room(&self) -> bool {
        self.counted < self.window
    }

    /// Whether a new message would be sent at once.
    pub fn is_free(&self) -> bool {
        self.has_room() && !self.must_resend() && self.queue.is_empty()
    }

    /// Whether a PUBLISH in flight is to be sent again, before any new one.
    pub fn must_resend(&self) -> bool {
        self.unsent > 0
    }

    /// The oldest PUBLISH to send again: the order of the first time. [MQTT-4.6.0-1] [MQTT-4.3.3-7], in 3.1.1 [MQTT-2.3.1-3]
    pub fn resend(&mut self) -> Option<(PacketId, Queued)> {
        let again = |m: &&mut Inflight| !m.counted && m.stage != Stage::Complete;
        let message = self.inflight.iter_mut().find(again)?;
        message.counted = true;
        message.withheld = false;
        self.counted += 1;
        self.unsent -= 1;
        Some((message.packet_id, message.entry.clone()))
    }

    /// The `max` messages to send next: those in flight that are to be sent again, then those that wait.
    pub fn next_to_send(&mut self, max: usize) -> impl Iterator<Item = &mut Queued> {
        let again = |m: &&mut Inflight| !m.counted && m.stage != Stage::Complete;
        let again = self.inflight.iter_mut().filter(again);
        let again = again.take(self.unsent).map(|m| &mut m.entry);
        again.chain(self.queue.iter_mut()).take(max)
    }

    /// Takes out the messages that are still to be sent and miss this payload; true for those that waited.
    pub fn discard(&mut self, location: Location) -> Vec<(Queued, bool)> {
        let lost = |m: &Inflight| {
            let again = !m.counted && m.stage != Stage::Complete;
            again && m.entry.misses(location)
        };
        let waited = self.queue.discard(location).into_iter();
        let mut gone: Vec<_> = waited.map(|entry| (entry, true)).collect();
        while let Some(index) = self.inflight.iter().position(lost) {
            gone.extend(self.remove(index).map(|entry| (entry, false)));
        }
        gone
    }

    /// Identifiers of which the client has the message and only PUBREL is to be sent again, in the order of their
    /// PUBRECs. [MQTT-4.6.0-4]
    pub fn to_release(&self) -> impl Iterator<Item = PacketId> {
        let released = self.inflight.iter().filter(|m| m.stage == Stage::Complete);
        let mut order: Vec<_> = released.map(|m| (m.received, m.packet_id)).collect();
        order.sort_unstable();
        order.into_iter().map(|(_, packet_id)| packet_id)
    }

    /// Gives up a message the client can never take.
    pub fn abandon(&mut self, packet_id: PacketId) -> Option<Queued> {
        let index = self.place(packet_id)?;
        self.remove(index)
    }

    /// Puts an entry in flight under a packet identifier that is free. [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1], in 3.1.1 [MQTT-2.3.1-4]
    pub fn launch(&mut self, entry: Queued) -> PacketId {
        let packet_id = self.free_packet_id();
        let stage = match entry.qos {
            QoS::ExactlyOnce => Stage::Receive,
            _ => Stage::Acknowledge,
        };
        self.counted += 1;
        self.inflight.push_back(Inflight {
            counted: true,
            withheld: false,
            serial: self.last_serial,
            packet_id,
            stage,
            received: 0,
            entry,
        });
        packet_id
    }

    /// What was put in flight last.
    pub fn newest(&self) -> Option<&Inflight> {
        self.inflight.back()
    }

    /// What is in flight under this identifier.
    pub fn in_flight(&self, packet_id: PacketId) -> Option<&Inflight> {
        self.inflight.get(self.place(packet_id)?)
    }

    /// Where a message in flight is: identifiers follow each other, so it is as far behind the first as its identifier, or
    /// less far where some between them have ended; only beside one of 65,535 messages ago all must be looked at.
    fn place(&self, packet_id: PacketId) -> Option<usize> {
        let first = self.inflight.front()?.packet_id.get();
        let ahead = match packet_id.get().checked_sub(first) {
            Some(ahead) => ahead,
            None => packet_id.get() + (u16::MAX - first),
        };
        let end = self.inflight.len().min(usize::from(ahead) + 1);
        let is_it = |m: &Inflight| m.packet_id == packet_id;
        let near = self.inflight.range(..end).rposition(is_it);
        near.or_else(|| self.inflight.iter().position(is_it))
    }

    /// Applies PUBACK, PUBREC or PUBCOMP, and returns the message whose exchange ended; `failed` is a reason code of 0x80 and above. [MQTT-4.4.0-2]
    pub fn acknowledge(
        &mut self,
        packet_id: PacketId,
        stage: Stage,
        failed: bool,
    ) -> (AckOutcome, Option<Queued>) {
        let Some(index) = self.place(packet_id) else {
            return (AckOutcome::Unknown, None);
        };
        let Some(message) = self.inflight.get_mut(index) else {
            return (AckOutcome::Unknown, None);
        };
        match (message.stage, stage) {
            (Stage::Receive, Stage::Receive) if !failed => {
                message.stage = Stage::Complete;
                self.last_received += 1;
                message.received = self.last_received;
                self.unsent -= usize::from(!message.counted);
                (AckOutcome::Release, None)
            }
            // The same PUBREC again: so is PUBREL.
            (Stage::Complete, Stage::Receive) if !failed => (AckOutcome::ReleaseAgain, None),
            // Also when it failed: the message is discarded, and no other member of a group gets it. [MQTT-4.8.2-6]
            (has, got) if has == got => (AckOutcome::Done, self.remove(index)),
            _ => (AckOutcome::Unknown, None),
        }
    }

    fn remove(&mut self, index: usize) -> Option<Queued> {
        let message = self.inflight.remove(index)?;
        self.counted -= usize::from(message.counted);
        self.unsent -= usize::from(!message.counted && message.stage != Stage::Complete);
        Some(message.entry)
    }

    /// Remembers that these QoS 2 messages, in the order of their launch, were never sent.
    pub fn withhold(&mut self, unsent: &[PacketId]) {
        let mut unsent = unsent.iter().rev().peekable();
        for message in self.inflight.iter_mut().rev() {
            message.withheld |= unsent.next_if(|id| **id == message.packet_id).is_some();
        }
    }

    /// Everything not yet acknowledged, taken out, the newest first; true for what another client may get.
    pub fn take_all(&mut self) -> impl Iterator<Item = (Queued, bool)> {
        let queue = self.queue.take_all().rev();
        let inflight = std::mem::take(&mut self.inflight).into_iter().rev();
        let inflight = inflight.map(|m| {
            let begun = m.stage == Stage::Complete || m.stage == Stage::Receive && !m.withheld;
            (m.entry, !begun) // [MQTT-4.8.2-5]
        });
        queue.map(|entry| (entry, true)).chain(inflight)
    }

    /// Identifiers follow each other; only one given 65,535 messages ago can still be in use.
    fn free_packet_id(&mut self) -> PacketId {
        loop {
            self.last_serial += 1;
            let serial = self.last_serial;
            let number = u16::try_from(serial % u64::from(u16::MAX)).unwrap_or(0);
            let packet_id = PacketId::MIN.saturating_add(number);
            let lapped = self
                .inflight
                .front()
                .is_some_and(|m| serial - m.serial >= u64::from(u16::MAX));
            if !lapped || self.inflight.iter().all(|m| m.packet_id != packet_id) {
                return packet_id;
            }
        }
    }
}
