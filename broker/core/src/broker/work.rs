// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Work too large for one entry, done in slices.

use std::collections::{HashSet, VecDeque};

use mqtt_proto::{Filter, PacketId, QoS, Reason};

use super::Broker;
use super::carrier::Carrier;
use super::route::{FAN_OUT_SLICE, Target};
use crate::connection::Connection;
use crate::session::SessionId;
use crate::shared::GroupId;
use crate::{ConnectionId, DisconnectCause, Effects, Moment, ProtocolFault};

/// Pieces of work begun in one entry.
const PIECES: usize = 16;
/// Subscriptions of an ended session removed in one entry.
const UNROUTE_SLICE: usize = 256;

/// Something left over from an entry.
pub(super) enum Work {
    FanOut(FanOut),
    /// A connection to end, whose client cannot take the answer it is owed.
    Part(ConnectionId),
    /// A session whose queue can go on.
    Pump(SessionId),
    /// What waits for the members of a group.
    Share(GroupId),
    /// Values of `$SYS` that are not published yet.
    Sys,
    /// Subscriptions of a session that is gone.
    Unroute {
        session: SessionId,
        filters: HashSet<Filter>,
    },
}

/// The receivers a message has not reached yet.
pub(super) struct FanOut {
    pub carrier: Carrier,
    pub targets: VecDeque<Target>,
    /// The publisher who waits for the end of it.
    pub ack: Option<(ConnectionId, QoS, Option<PacketId>)>,
}

impl FanOut {
    /// Whether it must not begin without its end: its publisher will not send the message again.
    fn is_exact(&self) -> bool {
        match self.ack {
            Some((_, qos, _)) => qos == QoS::ExactlyOnce,
            None => self.carrier.message().qos > QoS::AtMostOnce, // a will
        }
    }
}

impl Broker {
    pub(super) fn run_work(&mut self, now: Moment, fx: &mut Effects) {
        for _ in 0..PIECES.min(self.work.len()) {
            match self.work.pop_front() {
                Some(Work::FanOut(fan_out)) => return self.fan_out(now, fan_out, fx),
                Some(Work::Pump(id)) => {
                    if let Some(session) = self.sessions.get_mut(id) {
                        session.pump_is_due = false;
                    }
                    self.pump(now, id, fx);
                }
                Some(Work::Part(conn)) => {
                    let cause = DisconnectCause::Protocol(ProtocolFault::AnswerTooLarge);
                    self.end(now, conn, cause, fx);
                }
                Some(Work::Sys) => return self.go_on_with_sys(now, fx),
                Some(Work::Share(group)) => return self.hand_out(now, group, fx),
                Some(Work::Unroute { session, filters }) => {
                    return self.unroute(session, filters, fx);
                }
                None => return,
            }
        }
    }

    /// Goes on with a fan-out in the next entry.
    pub(super) fn begin_fan_out(&mut self, fan_out: FanOut) {
        self.exact_fan_outs += usize::from(fan_out.is_exact());
        self.work.push_back(Work::FanOut(fan_out));
    }

    fn fan_out(&mut self, now: Moment, mut fan_out: FanOut, fx: &mut Effects) {
        for _ in 0..FAN_OUT_SLICE {
            let Some(target) = fan_out.targets.pop_front() else {
                break;
            };
            self.send_to_target(now, target, &mut fan_out.carrier, fx);
        }
        if !fan_out.targets.is_empty() {
            return self.work.push_front(Work::FanOut(fan_out));
        }
        self.exact_fan_outs -= usize::from(fan_out.is_exact());
        self.finish(&fan_out.carrier, fx);
        let Some((conn, qos, packet_id)) = fan_out.ack else {
            return;
        };
        if let Some(packet_id) = packet_id {
            self.send_ack(conn, qos, packet_id, Reason::Success, self.committed, fx);
        }
        let publisher = self.connections.get_mut(conn);
        if let Some(live) = publisher.and_then(Connection::live_mut) {
            live.fanning_out = false;
        }
        self.resume(now, conn, fx);
    }

    fn unroute(&mut self, session: SessionId, mut filters: HashSet<Filter>, fx: &mut Effects) {
        let slice: Vec<Filter> = filters.iter().take(UNROUTE_SLICE).cloned().collect();
        for filter in slice {
            self.remove_route(&filter, session, fx);
            filters.remove(&filter);
        }
        if !filters.is_empty() {
            self.work.push_back(Work::Unroute { session, filters });
        }
    }
}
