// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Frames that wait for one socket, in lanes that keep each its order.
//!
//! MQTT orders acknowledgements among themselves and messages of one topic and QoS. [MQTT-4.6.0-5] [MQTT-4.6.0-6]
//! So what waits for the disk (replies, QoS 2) never holds back what does not (QoS 0 and 1).

use std::collections::VecDeque;

use bytes::BytesMut;
use bytestring::ByteString;
use mqtt_proto::{Glimpse, Packet, PacketId, QoS, Topic, Version};

use super::ready::{Amount, Ready, Spares};
use crate::CommitSeq;
use crate::authz::{Permit, ToReceive};
use crate::frame::{Delivery, Encoded, Frame};
use crate::memory::{Charge, Ledger};
use crate::total::{Part, Total};

/// What all connections have to send.
#[derive(Default)]
pub(crate) struct Waiting {
    pub packets: Total,
    pub bytes: Total,
}

/// What one connection has to send.
pub(crate) struct Outbox {
    /// CONNACK, acknowledgements, DISCONNECT.
    replies: Lane,
    /// What is sent again on resumption, at QoS 1 and 2 in one order and before anything new. [MQTT-4.6.0-1]
    again: VecDeque<Delivery>,
    /// QoS 2 deliveries.
    exact: Lane,
    /// QoS 0 and 1 deliveries.
    live: Lane,
    /// Number of frames that wait.
    packets: Part,
    /// Bytes they stand for.
    bytes: Part,
    /// What waits for a client that reads slowly is counted with.
    charge: Option<Charge>,
    /// CONNACK has left: messages may follow. [MQTT-3.2.0-1]
    greeted: bool,
}

/// Frames in their order: first those that wait for nothing and are bytes already, then the others.
#[derive(Default)]
struct Lane {
    ready: Ready,
    later: VecDeque<(CommitSeq, Frame)>,
}

/// The next of what may leave.
pub(crate) enum Next {
    /// So much was written, all of it messages or none.
    Written(Amount, Kind),
    Frame(Frame),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Replies,
    Messages,
}

/// A message that was taken back.
pub(crate) struct Revoked {
    pub topic: Topic,
    pub packet_id: Option<PacketId>,
}

impl Outbox {
    pub fn new(waiting: &Waiting) -> Self {
        Self {
            replies: Lane::default(),
            again: VecDeque::new(),
            exact: Lane::default(),
            live: Lane::default(),
            packets: waiting.packets.part(),
            bytes: waiting.bytes.part(),
            charge: None,
            greeted: false,
        }
    }

    /// Adds a reply that leaves when `after` is durable and all earlier replies have left. [MQTT-4.6.0-2] [MQTT-4.6.0-3] [MQTT-4.6.0-4]
    /// [MQTT-3.3.4-10] [MQTT-4.9.0-3]
    pub fn reply(
        &mut self,
        packet: Packet,
        version: Option<Version>,
        after: CommitSeq,
        spares: &mut Spares,
    ) {
        let at_once = after == CommitSeq::default() && self.replies.later.is_empty();
        let weight = match version.filter(|_| at_once && self.greeted) {
            Some(version) => self.replies.ready.push(0, spares, |out| {
                mqtt_proto::encode(&packet, version, out);
            }),
            None => {
                self.replies.later.push_back((after, Frame::Packet(packet)));
                PACKET
            }
        };
        self.packets.add(1);
        self.bytes.add(weight);
    }

    /// Adds a message that was sent on an earlier connection: it is durable already.
    pub fn redeliver(&mut self, _: &Permit<ToReceive>, delivery: Delivery) {
        self.packets.add(1);
        self.bytes.add(weight(&delivery));
        self.again.push_back(delivery);
    }

    /// Adds a message; `after` holds back QoS 2 only.
    pub fn deliver(&mut self, _: &Permit<ToReceive>, delivery: Delivery, after: CommitSeq) {
        self.packets.add(1);
        self.bytes.add(weight(&delivery));
        let lane = self.lane(delivery.qos);
        lane.later.push_back((after, Frame::Deliver(delivery)));
    }

    /// Whether bytes may be added for this quality: nothing that is none yet waits before them.
    pub fn takes_ready(&self, qos: QoS) -> bool {
        match qos {
            QoS::ExactlyOnce => self.exact.later.is_empty(),
            _ => self.live.later.is_empty(),
        }
    }

    /// Adds a message that waits for nothing and of which nothing is left to decide, where [`Outbox::takes_ready`].
    pub fn push(
        &mut self,
        _: &Permit<ToReceive>,
        encoded: &Encoded,
        qos: QoS,
        packet_id: Option<PacketId>,
        spares: &mut Spares,
    ) {
        let lane = self.lane(qos);
        let weight = lane.ready.push(encoded.payload_len(), spares, |out| {
            encoded.copy_to(packet_id, out);
        });
        self.packets.add(1);
        self.bytes.add(weight);
    }

    /// Counts bytes that wait for a client which does not read, until all of them have left.
    pub fn charge(&mut self, ledger: &Ledger, bytes: usize) {
        match &mut self.charge {
            Some(charge) => charge.grow(bytes),
            None => self.charge = Some(ledger.charge(bytes)),
        }
    }

    fn lane(&mut self, qos: QoS) -> &mut Lane {
        match qos {
            QoS::ExactlyOnce => &mut self.exact,
            _ => &mut self.live,
        }
    }

    /// Drops what only a working connection is worth: everything but replies; returns the QoS 2 messages that never left.
    pub fn abandon_deliveries(&mut self, version: Option<Version>) -> Vec<PacketId> {
        self.again.clear();
        self.live = Lane::default();
        self.charge = None;
        let exact = std::mem::take(&mut self.exact);
        let ready = version.into_iter().flat_map(|v| exact.ready.messages(v));
        let ready = ready.filter_map(|message| message.packet_id);
        let later = exact.later.iter().filter_map(|(_, frame)| match frame {
            Frame::Deliver(delivery) => delivery.packet_id,
            Frame::Packet(_) => None,
        });
        let unsent = ready.chain(later).collect();
        let replies = self.replies.ready.amount().bytes + self.replies.later.len() * PACKET;
        self.bytes.subtract(self.bytes.get() - replies);
        self.packets.subtract(self.packets.get() - self.replies());
        unsent
    }

    /// Takes out the messages that the client may no longer receive.
    pub fn revoke(&mut self, version: Version, may: impl Fn(&Topic) -> bool) -> Vec<Revoked> {
        let (mut revoked, mut freed) = (Vec::new(), 0);
        let mut keeps = |delivery: &Delivery| {
            let (topic, packet_id) = (&delivery.message.topic, delivery.packet_id);
            let keep = may(topic);
            if !keep {
                freed += weight(delivery);
                let topic = topic.clone();
                revoked.push(Revoked { topic, packet_id });
            }
            keep
        };
        self.again.retain(&mut keeps);
        for lane in [&mut self.exact, &mut self.live] {
            lane.later.retain(|(_, frame)| match frame {
                Frame::Deliver(delivery) => keeps(delivery),
                Frame::Packet(_) => true,
            });
        }
        for lane in [&mut self.exact, &mut self.live] {
            let gone = lane.ready.retain(version, |message: Glimpse<'_>| {
                let topic = Topic::new(ByteString::from(message.topic));
                let Some(topic) = topic.ok().filter(|topic| !may(topic)) else {
                    return true;
                };
                let packet_id = message.packet_id;
                revoked.push(Revoked { topic, packet_id });
                false
            });
            freed += gone.bytes;
        }
        self.packets.subtract(revoked.len());
        self.bytes.subtract(freed);
        revoked
    }

    /// The next that may leave, bytes at the end of `out` and not many more than `max`; or the commit it waits for.
    pub fn pop(
        &mut self,
        (durable, version): (CommitSeq, Version),
        max: usize,
        out: &mut BytesMut,
        spares: &mut Spares,
    ) -> Result<Next, Option<CommitSeq>> {
        let next = self.take((durable, version), max, out, spares)?;
        let (frames, bytes) = match &next {
            Next::Written(amount, _) => (amount.frames, amount.bytes),
            Next::Frame(Frame::Packet(_)) => (1, PACKET),
            Next::Frame(Frame::Deliver(delivery)) => (1, weight(delivery)),
        };
        self.packets.subtract(frames);
        self.bytes.subtract(bytes);
        if self.is_empty() {
            self.charge = None;
        }
        Ok(next)
    }

    fn take(
        &mut self,
        (durable, version): (CommitSeq, Version),
        max: usize,
        out: &mut BytesMut,
        spares: &mut Spares,
    ) -> Result<Next, Option<CommitSeq>> {
        let mut waits_for = None;
        let lanes = [
            (&mut self.replies, Kind::Replies),
            (&mut self.exact, Kind::Messages),
        ];
        for (lane, kind) in lanes {
            if !lane.ready.is_empty() {
                return Ok(Next::Written(
                    lane.ready.take(max, version, out, spares),
                    kind,
                ));
            }
            match lane.later.front() {
                Some((after, _)) if *after <= durable => {
                    let Some((_, frame)) = lane.later.pop_front() else {
                        break;
                    };
                    self.greeted |= matches!(frame, Frame::Packet(Packet::ConnAck(_)));
                    if is_rare(&frame) && lane.later.is_empty() {
                        lane.later = VecDeque::new();
                    }
                    return Ok(Next::Frame(frame));
                }
                Some((after, _)) => {
                    waits_for = Some(waits_for.map_or(*after, |w: CommitSeq| w.min(*after)))
                }
                None => {}
            }
            if !self.greeted {
                return Err(waits_for);
            }
            if let Some(delivery) = self.again.pop_front() {
                return Ok(Next::Frame(Frame::Deliver(delivery)));
            }
        }
        if !self.live.ready.is_empty() {
            let amount = self.live.ready.take(max, version, out, spares);
            return Ok(Next::Written(amount, Kind::Messages));
        }
        let (_, frame) = self.live.later.pop_front().ok_or(waits_for)?;
        Ok(Next::Frame(frame))
    }

    /// Whether a frame waits for a commit beyond this one.
    pub fn waits_beyond(&self, durable: CommitSeq) -> bool {
        let mut gated = self.replies.later.iter().chain(&self.exact.later);
        gated.any(|(after, _)| *after > durable)
    }

    pub fn pending_bytes(&self) -> usize {
        self.bytes.get()
    }

    /// Number of replies that wait.
    pub fn replies(&self) -> usize {
        self.replies.ready.amount().frames + self.replies.later.len()
    }

    pub fn is_empty(&self) -> bool {
        self.packets.get() == 0
    }
}

/// Whether a client may be idle after it, which is to hold no memory then.
fn is_rare(frame: &Frame) -> bool {
    matches!(
        frame,
        Frame::Packet(
            Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp
        )
    )
}

/// Bytes that a message stands for which is none yet.
fn weight(delivery: &Delivery) -> usize {
    delivery.payload.len() + delivery.message.head_weight() + PACKET
}

/// Bytes that a packet without payload stands for: one small allocation.
const PACKET: usize = 64;
