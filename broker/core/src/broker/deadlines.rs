// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What happens when a deadline passes: a silent peer, a session nobody came back to.

use super::Broker;
use crate::session::{Session, SessionId};
use crate::timers::Timer;
use crate::{ConnectionId, DisconnectCause, Effects, Event, Moment};

/// Deadlines handled in one entry; more wait for the next.
const TIMER_SLICE: usize = 256;
/// Records of theirs after which the others wait as well: a session may end with a long queue.
const RECORD_SLICE: usize = 512;

impl Broker {
    /// Sets the deadline for the peer's next packet.
    pub(super) fn watch_silence(&mut self, now: Moment, conn: ConnectionId) {
        let limits = &self.params.limits;
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        // A deadline in force that comes before looks for the next one itself.
        let in_force = c.silence_deadline;
        let later = |at: &Moment| in_force <= now || *at < in_force;
        if let Some(at) = c.silence_limit(limits).filter(later) {
            c.silence_deadline = at;
            self.timers.set(at, Timer::Silence(conn));
        }
    }

    pub(super) fn run_timers(&mut self, now: Moment, fx: &mut Effects) {
        for _ in 0..TIMER_SLICE {
            let Some(message) = self.retained.take_expired(now) else {
                break;
            };
            self.record_retained(&message, false, fx);
        }
        let earlier = fx.records.len();
        for _ in 0..TIMER_SLICE {
            if fx.records.len() > earlier + RECORD_SLICE {
                return;
            }
            let Some((at, timer)) = self.timers.pop_due(now) else {
                return;
            };
            match timer {
                Timer::Silence(conn) => self.silence(now, at, conn, fx),
                Timer::SessionExpiry(id) => self.expire(now, at, id, fx),
                Timer::WillDelay(id) => {
                    self.publish_due_will(now, id, fx);
                    self.record_absence(id, fx);
                }
                Timer::Pace(conn) => self.go_on(now, conn, fx),
                Timer::Sys if self.sys.due == Some(at) => self.publish_sys(now),
                Timer::Sys => {}
            }
        }
    }

    /// Takes more from a client that was too fast; while it waits it cannot be blamed for silence.
    fn go_on(&mut self, now: Moment, conn: ConnectionId, fx: &mut Effects) {
        let Some(c) = self.connections.get_mut(conn) else {
            return;
        };
        c.last_packet = now;
        if let Some(live) = c.live_mut() {
            live.pace.waiting = false;
        }
        self.resume(now, conn, fx);
    }

    fn silence(&mut self, now: Moment, at: Moment, conn: ConnectionId, fx: &mut Effects) {
        let limits = &self.params.limits;
        let Some(c) = self
            .connections
            .get(conn)
            .filter(|c| c.silence_deadline == at)
        else {
            return;
        };
        match c.silence_limit(limits) {
            Some(limit) if limit > now => self.watch_silence(now, conn),
            Some(_) => {
                let overdue = |limit| limit <= now;
                let cause = match c.live() {
                    _ if c.authentication_limit().is_some_and(overdue) => {
                        DisconnectCause::AuthenticationTimeout {
                            allowed: limits.connect_timeout,
                        }
                    }
                    Some(live) => DisconnectCause::KeepAlive {
                        keep_alive: live.keep_alive,
                        silence: now.since(c.last_packet),
                    },
                    None => DisconnectCause::ConnectTimeout {
                        allowed: limits.connect_timeout,
                    },
                };
                self.end(now, conn, cause, fx);
            }
            None => {}
        }
    }

    fn expire(&mut self, now: Moment, at: Moment, id: SessionId, fx: &mut Effects) {
        let due = |s: &&Session| s.connection.is_none() && s.expires_at == Some(at);
        let Some(session) = self.sessions.get(id).filter(due) else {
            return;
        };
        let key = session.key.clone();
        self.stats.clients_disconnected -= 1;
        self.end_session(now, id, fx);
        self.tell(Event::SessionExpired { session: key }, fx);
    }
}
