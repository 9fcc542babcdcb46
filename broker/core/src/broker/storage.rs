// SPDX-License-Identifier: Apache-2.0 OR MIT
//! While the store takes nothing new: what would have to be kept is refused, and told once a client; everything else goes on.

use mqtt_proto::{Ack, Packet, Publish, QoS, Reason, Version};

use super::Broker;
use super::route::Target;
use crate::connection::Connection;
use crate::session::SessionId;
use crate::{CommitSeq, ConnectionId, Effects, Event, Message, SessionKey, StorageState, Unstored};

impl Broker {
    /// What the driver says of the store; each change is told.
    pub(super) fn take_storage_state(&mut self, state: StorageState, fx: &mut Effects) {
        if self.storage == state {
            return;
        }
        self.storage_trouble += u64::from(self.storage.is_ok());
        self.storage = state;
        self.tell(Event::Storage(state), fx);
    }

    /// Connections with a frame that waits for a commit beyond this one, for a driver whose store has failed: that frame may
    /// never leave, and nothing behind it can.
    pub fn owed_beyond(&self, durable: CommitSeq) -> Vec<ConnectionId> {
        let owed = |c: &&Connection| c.outbox.waits_beyond(durable);
        self.connections.iter().filter(owed).map(|c| c.id).collect()
    }

    /// Whether the store takes nothing new and this message would have to be kept for somebody, be retained, or be known
    /// until its publisher releases it.
    pub(super) fn cannot_keep(&mut self, publisher: Option<SessionId>, message: &Message) -> bool {
        if self.storage.is_ok() {
            return false;
        }
        let frees_room = message.body.len() == 0 && self.storage == StorageState::Full;
        if message.retain && !frees_room {
            let unknown = self.storage == StorageState::Failed;
            if unknown || self.retained.would_change(message) {
                return true;
            }
        }
        let session = publisher.and_then(|id| self.sessions.get(id));
        let exact = message.qos == QoS::ExactlyOnce && session.is_some_and(|s| s.durable);
        exact || message.qos > QoS::AtMostOnce && self.has_durable_receiver(publisher, message)
    }

    fn has_durable_receiver(&mut self, publisher: Option<SessionId>, message: &Message) -> bool {
        let (mut targets, _) = self.collect_targets(&message.topic, publisher);
        let is_durable = |target: Target| match target {
            Target::Group(id) => self.groups.get(id).is_some_and(|group| group.durable),
            Target::Session { id, qos, .. } => {
                let session = self.sessions.get(id);
                qos > QoS::AtMostOnce && session.is_some_and(|session| session.durable)
            }
        };
        let found = targets.drain(..).any(is_durable);
        self.targets = targets;
        found
    }

    /// Refuses a message that cannot be kept: v5 is told why; 3.1.1 has no code for it, gets no acknowledgement and sends
    /// the message again when it connects next.
    pub(super) fn refuse_unstored(
        &mut self,
        conn: ConnectionId,
        publish: &Publish,
        fx: &mut Effects,
    ) {
        self.stats.publish_dropped += 1;
        self.tell_unstored(conn, Unstored::Message(publish.topic.detached()), fx);
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        let (Some(Version::V5), Some(packet_id)) = (c.version, publish.packet_id) else {
            return;
        };
        if let Some(live) = c.live_mut() {
            live.unacknowledged = live.unacknowledged.saturating_sub(1);
        }
        let ack = Ack::new(packet_id, Reason::QuotaExceeded);
        let packet = match publish.qos {
            QoS::ExactlyOnce => Packet::PubRec(ack),
            _ => Packet::PubAck(ack),
        };
        self.reply_because(
            conn,
            packet,
            Some(self.storage.told()),
            CommitSeq::default(),
            fx,
        );
    }

    /// A retained QoS 0 message that is only delivered.
    pub(super) fn leave_unretained(
        &mut self,
        conn: ConnectionId,
        publish: &Publish,
        fx: &mut Effects,
    ) {
        self.stats.publish_dropped += 1;
        self.tell_unstored(conn, Unstored::Retained(publish.topic.detached()), fx);
    }

    /// A will that cannot be kept for anybody is delivered at QoS 0 to those who are connected.
    pub(super) fn weaken_will(
        &mut self,
        session: SessionKey,
        mut message: Message,
        fx: &mut Effects,
    ) -> Message {
        if self.cannot_keep(None, &message) {
            (message.qos, message.retain) = (QoS::AtMostOnce, false);
            self.stats.publish_dropped += 1;
            let (topic, state) = (message.topic.clone(), self.storage);
            self.tell(
                Event::WillUnstored {
                    session,
                    topic,
                    state,
                },
                fx,
            );
        }
        message
    }

    /// Tells the first thing that a client was refused since the store stopped taking what is new.
    pub(super) fn tell_unstored(&mut self, conn: ConnectionId, what: Unstored, fx: &mut Effects) {
        let trouble = self.storage_trouble;
        let c = self.connections.get_mut(conn);
        let Some(live) = c.and_then(Connection::live_mut) else {
            return;
        };
        if std::mem::replace(&mut live.storage_trouble, trouble) < trouble {
            let (client, state) = (live.client.clone(), self.storage);
            self.tell(
                Event::Unstored {
                    client,
                    what,
                    state,
                },
                fx,
            );
        }
    }
}
