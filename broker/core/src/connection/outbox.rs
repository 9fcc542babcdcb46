// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Frames that wait for one socket, in lanes that keep each its order.
//!
//! MQTT orders acknowledgements among themselves and messages of one topic and QoS. [MQTT-4.6.0-5] [MQTT-4.6.0-6]
//! So what waits for the disk (replies, QoS 2) never holds back what does not (QoS 0 and 1).

use std::collections::VecDeque;

use mqtt_proto::{Packet, PacketId, QoS, Topic};

use crate::authz::{Permit, ToReceive};
use crate::total::{Part, Total};
use crate::{CommitSeq, Delivery, Frame};

/// What all connections have to send.
#[derive(Default)]
pub(crate) struct Waiting {
    pub packets: Total,
    pub bytes: Total,
}

/// What one connection has to send.
pub(crate) struct Outbox {
    /// CONNACK, acknowledgements, DISCONNECT.
    replies: VecDeque<(CommitSeq, Frame)>,
    /// What is sent again on resumption, at QoS 1 and 2 in one order and before anything new. [MQTT-4.6.0-1]
    again: VecDeque<Frame>,
    /// QoS 2 deliveries.
    exact: VecDeque<(CommitSeq, Frame)>,
    /// QoS 0 and 1 deliveries.
    live: VecDeque<Frame>,
    /// Number of frames that wait.
    packets: Part,
    /// Bytes they stand for.
    bytes: Part,
    /// CONNACK has left: messages may follow. [MQTT-3.2.0-1]
    greeted: bool,
}

impl Outbox {
    pub fn new(waiting: &Waiting) -> Self {
        Self {
            replies: VecDeque::new(),
            again: VecDeque::new(),
            exact: VecDeque::new(),
            live: VecDeque::new(),
            packets: waiting.packets.part(),
            bytes: waiting.bytes.part(),
            greeted: false,
        }
    }

    /// Adds a reply that leaves when `after` is durable and all earlier replies have left. [MQTT-4.6.0-2] [MQTT-4.6.0-3] [MQTT-4.6.0-4]
    /// [MQTT-3.3.4-10] [MQTT-4.9.0-3]
    pub fn reply(&mut self, frame: Frame, after: CommitSeq) {
        self.count(&frame);
        self.replies.push_back((after, frame));
    }

    /// Adds a message that was sent on an earlier connection: it is durable already.
    pub fn redeliver(&mut self, _: &Permit<ToReceive>, delivery: Delivery) {
        let frame = Frame::Deliver(delivery);
        self.count(&frame);
        self.again.push_back(frame);
    }

    /// Adds a message; `after` holds back QoS 2 only.
    pub fn deliver(&mut self, _: &Permit<ToReceive>, delivery: Delivery, after: CommitSeq) {
        let exact = delivery.qos == QoS::ExactlyOnce;
        let frame = Frame::Deliver(delivery);
        self.count(&frame);
        if exact {
            self.exact.push_back((after, frame));
        } else {
            self.live.push_back(frame);
        }
    }

    /// Drops what only a working connection is worth: everything but replies; returns the QoS 2 messages that never left.
    pub fn abandon_deliveries(&mut self) -> Vec<PacketId> {
        self.again.clear();
        self.live.clear();
        let unsent = self.exact.drain(..).filter_map(|(_, frame)| match frame {
            Frame::Deliver(delivery) => delivery.packet_id,
            Frame::Packet(_) => None,
        });
        let unsent = unsent.collect();
        let replies: usize = self.replies.iter().map(|(_, frame)| weight(frame)).sum();
        self.bytes.subtract(self.bytes.get() - replies);
        self.packets
            .subtract(self.packets.get() - self.replies.len());
        unsent
    }

    /// Takes out the messages that the client may no longer receive.
    pub fn revoke(&mut self, may: impl Fn(&Topic) -> bool) -> Vec<Delivery> {
        let (mut revoked, mut freed) = (Vec::new(), 0);
        let mut keeps = |frame: &Frame| match frame {
            Frame::Deliver(delivery) if !may(&delivery.message.topic) => {
                revoked.push(delivery.clone());
                freed += weight(frame);
                false
            }
            _ => true,
        };
        self.again.retain(&mut keeps);
        self.exact.retain(|(_, frame)| keeps(frame));
        self.live.retain(&mut keeps);
        self.packets.subtract(revoked.len());
        self.bytes.subtract(freed);
        revoked
    }

    /// The next frame that may leave, or the commit it waits for.
    pub fn pop(&mut self, durable: CommitSeq) -> Result<Frame, Option<CommitSeq>> {
        let frame = self.take(durable)?;
        self.packets.subtract(1);
        self.bytes.subtract(weight(&frame));
        Ok(frame)
    }

    fn take(&mut self, durable: CommitSeq) -> Result<Frame, Option<CommitSeq>> {
        let mut waits_for = None;
        for gated in [&mut self.replies, &mut self.exact] {
            match gated.front() {
                Some((after, _)) if *after <= durable => {
                    let Some((_, frame)) = gated.pop_front() else {
                        break;
                    };
                    self.greeted |= matches!(frame, Frame::Packet(Packet::ConnAck(_)));
                    return Ok(frame);
                }
                Some((after, _)) => {
                    waits_for = Some(waits_for.map_or(*after, |w: CommitSeq| w.min(*after)))
                }
                None => {}
            }
            if !self.greeted {
                return Err(waits_for);
            }
            if let Some(frame) = self.again.pop_front() {
                return Ok(frame);
            }
        }
        self.live.pop_front().ok_or(waits_for)
    }

    /// Whether a frame waits for a commit beyond this one.
    pub fn waits_beyond(&self, durable: CommitSeq) -> bool {
        let mut gated = self.replies.iter().chain(&self.exact);
        gated.any(|(after, _)| *after > durable)
    }

    pub fn pending_bytes(&self) -> usize {
        self.bytes.get()
    }

    /// Number of replies that wait.
    pub fn replies(&self) -> usize {
        self.replies.len()
    }

    pub fn is_empty(&self) -> bool {
        self.packets.get() == 0
    }

    fn count(&mut self, frame: &Frame) {
        self.packets.add(1);
        self.bytes.add(weight(frame));
    }
}

/// Bytes a waiting frame stands for; packets without payload count as one small allocation.
fn weight(frame: &Frame) -> usize {
    match frame {
        Frame::Packet(_) => 64,
        Frame::Deliver(delivery) => delivery.payload.len() + delivery.message.head_weight() + 64,
    }
}
