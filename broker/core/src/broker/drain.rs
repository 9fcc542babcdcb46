// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From a connection's outbox to its driver.

use super::Broker;
use crate::connection::{Connection, Phase};
use crate::{CommitSeq, ConnectionId, Drained, Effects, Frame, Moment};

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
            frames: std::mem::take(&mut out.frames),
            ..Drained::default()
        };
        let Some(c) = self.connections.get_mut(conn) else {
            out.close = true;
            return;
        };
        out.version = c.version;
        let earlier = out.frames.len();
        self.stats.publish_dropped += take_frames(c, now, durable, max_bytes, out);
        out.pause_reading = c.is_waiting();
        c.woken = out.more;
        if !out.more && c.dropped > 0 {
            self.tell_outbox_empty(conn, effects);
        }
        let live = self.connections.get(conn).and_then(Connection::live);
        if let Some(session) = live.map(|live| live.session) {
            self.pump(now, session, effects);
        }
        if !self
            .connections
            .get(conn)
            .is_some_and(Connection::is_internal)
        {
            self.count_sent(out.frames.get(earlier..).unwrap_or_default());
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

    fn count_sent(&mut self, frames: &[Frame]) {
        self.stats.messages_sent += frames.len() as u64;
        for frame in frames {
            if let Frame::Deliver(delivery) = frame {
                self.stats.publish_sent += 1;
                self.stats.publish_bytes_sent += delivery.payload.len() as u64;
            }
        }
    }
}

/// Moves frames into `out`; returns how many messages expired before they could leave.
fn take_frames(
    c: &mut Connection,
    now: Moment,
    durable: CommitSeq,
    max_bytes: usize,
    out: &mut Drained,
) -> u64 {
    let (mut taken, mut expired) = (0, 0);
    loop {
        if taken >= max_bytes {
            out.more = true;
            break;
        }
        let pending = c.outbox.pending_bytes();
        match c.outbox.pop(durable) {
            Ok(mut frame) => {
                if make_ready(c, now, &mut frame) {
                    taken += pending.saturating_sub(c.outbox.pending_bytes());
                    out.frames.push(frame);
                } else {
                    expired += 1;
                }
            }
            Err(waits_for) => {
                out.waits_for = waits_for;
                break;
            }
        }
    }
    out.close = matches!(c.phase, Phase::Closing) && c.outbox.is_empty();
    expired
}

/// Brings a frame up to the moment at which it leaves; false when it is too late for it.
fn make_ready(c: &mut Connection, now: Moment, frame: &mut Frame) -> bool {
    let Frame::Deliver(delivery) = frame else {
        return true;
    };
    let in_time = delivery.age(now);
    if let Some(aliases) = c.aliases.as_mut().filter(|_| in_time) {
        aliases.shorten(delivery, c.max_packet_size);
    }
    in_time
}
