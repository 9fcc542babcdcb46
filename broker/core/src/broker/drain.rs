// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From a connection's outbox to its driver.

use mqtt_proto::Version;

use super::Broker;
use crate::connection::{Connection, Kind, Next, Phase, Spares};
use crate::frame::{Delivery, Frame};
use crate::{CommitSeq, ConnectionId, Drained, Effects, Moment};

impl Broker {
    /// Takes up to about `max_bytes` of frames that may leave now, given what is durable.
    ///
    /// An entry like any other: `effects` must be acted upon (a queue that found room may need the store).
    pub fn drain(
        &mut self,
        now: Moment,
        conn: ConnectionId,
        durable: CommitSeq,
        max_bytes: usize,
        effects: &mut Effects,
        out: &mut Drained,
    ) {
        *out = Drained {
            chunks: std::mem::take(&mut out.chunks),
            ..Drained::default()
        };
        let Some(c) = self.connections.get_mut(conn) else {
            out.close = true;
            return;
        };
        let taken = take_frames(c, (now, durable), max_bytes, &mut self.spares, out);
        let internal = c.is_internal();
        out.pause_reading = c.is_waiting();
        c.woken = out.more;
        if !out.more && c.dropped > 0 {
            self.tell_outbox_empty(conn, effects);
        }
        let live = self.connections.get(conn).and_then(Connection::live);
        if let Some(session) = live.map(|live| live.session) {
            self.pump(now, session, effects);
        }
        self.stats.publish_dropped += taken.expired;
        if !internal {
            self.stats.messages_sent += taken.frames as u64;
            self.stats.publish_sent += taken.messages as u64;
            self.stats.publish_bytes_sent += taken.payload as u64;
        }
        self.leave(now, effects);
    }

    /// QoS 0 messages were dropped, and the socket has taken those that were not.
    fn tell_outbox_empty(&mut self, conn: ConnectionId, fx: &mut Effects) {
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        let dropped = std::mem::take(&mut c.dropped);
        if let Some(client) = c.live().map(|live| live.client.session.clone()) {
            self.tell_dropped(&client, dropped, fx);
        }
    }
}

/// What was taken out of an outbox.
#[derive(Default)]
struct Taken {
    frames: usize,
    messages: usize,
    /// Bytes of their payloads.
    payload: usize,
    /// Messages that expired before they could leave.
    expired: u64,
}

/// Moves what may leave into `out`.
fn take_frames(
    c: &mut Connection,
    (now, durable): (Moment, CommitSeq),
    max_bytes: usize,
    spares: &mut Spares,
    out: &mut Drained,
) -> Taken {
    // Before CONNECT there are no frames; the version is only a formality then.
    let version = c.version.unwrap_or(Version::V311);
    let (mut taken, mut bytes) = (Taken::default(), 0);
    while bytes < max_bytes {
        let before = c.outbox.pending_bytes();
        let (room, buffer) = (max_bytes - bytes, out.chunks.buffer());
        match c.outbox.pop((durable, version), room, buffer, spares) {
            Ok(Next::Written(amount, kind)) => {
                taken.frames += amount.frames;
                taken.payload += amount.payload;
                if kind == Kind::Messages {
                    taken.messages += amount.frames;
                }
            }
            Ok(Next::Frame(Frame::Packet(packet))) => {
                mqtt_proto::encode(&packet, version, buffer);
                taken.frames += 1;
            }
            Ok(Next::Frame(Frame::Deliver(mut delivery))) => {
                if !make_ready(c, now, &mut delivery) {
                    taken.expired += 1;
                    continue;
                }
                delivery.encode(version, &mut out.chunks);
                taken.frames += 1;
                taken.messages += 1;
                taken.payload += delivery.payload.len();
            }
            Err(waits_for) => {
                out.waits_for = waits_for;
                out.close = matches!(c.phase, Phase::Closing) && c.outbox.is_empty();
                return taken;
            }
        }
        bytes += before.saturating_sub(c.outbox.pending_bytes());
    }
    out.more = !c.outbox.is_empty();
    out.close = matches!(c.phase, Phase::Closing) && !out.more;
    taken
}

/// Brings a message up to the moment at which it leaves; false when it is too late for it.
fn make_ready(c: &mut Connection, now: Moment, delivery: &mut Delivery) -> bool {
    let in_time = delivery.age(now);
    if let Some(aliases) = c.aliases.as_mut().filter(|_| in_time) {
        aliases.shorten(delivery, c.max_packet_size);
    }
    in_time
}
