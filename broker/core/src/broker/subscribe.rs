// SPDX-License-Identifier: Apache-2.0 OR MIT
//! SUBSCRIBE and UNSUBSCRIBE.

use mqtt_proto::{
    Filter, Packet, Properties, QoS, Reason, RetainHandling, SubAck, Subscribe, SubscribeFilter,
    UnsubAck, Unsubscribe,
};

use super::Broker;
use crate::authz::{Permit, ToSubscribe};
use crate::connection::Connection;
use crate::retained::Walk;
use crate::routes::Subscriber;
use crate::session::{Replay, Session, SessionId};
use crate::{
    Client, CommitSeq, ConnectionId, Effects, Event, Moment, Record, Unstored, explanation, memory,
};

impl Broker {
    pub(super) fn subscribe(
        &mut self,
        now: Moment,
        conn: ConnectionId,
        subscribe: Subscribe,
        fx: &mut Effects,
    ) {
        let Some(live) = self.connections.get(conn).and_then(Connection::live) else {
            return;
        };
        let (id, client) = (live.session, live.client.clone());
        let identifier = subscribe.properties.subscription_identifiers().next();
        let mut reasons = Vec::with_capacity(subscribe.filters.len());
        for wanted in subscribe.filters {
            let subscriber = Subscriber::new(id, wanted.options, identifier);
            reasons.push(self.subscribe_one(conn, &client, wanted, subscriber, fx)); // [MQTT-3.8.4-5], [MQTT-3.8.4-6], [MQTT-3.9.3-1], in 3.1.1 [MQTT-3.8.4-4]
        }
        let durable = self.sessions.get(id).is_some_and(|s| s.durable);
        let refused = reasons.iter().copied().find(|reason| reason.is_error());
        // A subscription that changes nothing waits for the record of the same one before it.
        let after = match durable && reasons.iter().any(|reason| !reason.is_error()) {
            true => self.committed,
            false => CommitSeq::default(),
        };
        let packet = Packet::SubAck(SubAck {
            packet_id: subscribe.packet_id,
            properties: Properties::new(),
            reasons,
        }); // [MQTT-3.8.4-1], [MQTT-3.8.4-2], [MQTT-2.2.1-6], in 3.1.1 [MQTT-2.3.1-7]
        let unstored = durable && !self.storage.is_ok() && refused == Some(Reason::QuotaExceeded);
        let sentence = match unstored {
            true => Some(self.storage.told()),
            false => explanation::of_acknowledgement(&packet),
        };
        self.reply_because(conn, packet, sentence, after, fx);
        self.pump(now, id, fx);
    }

    fn subscribe_one(
        &mut self,
        conn: ConnectionId,
        client: &Client,
        wanted: SubscribeFilter,
        subscriber: Subscriber,
        fx: &mut Effects,
    ) -> Reason {
        let SubscribeFilter { filter, options } = wanted;
        let id = subscriber.session;
        let client = client.clone();
        let permit = match self.permit(id, &filter) {
            Ok(permit) => permit,
            Err(reason) => {
                let event = Event::SubscribeDenied {
                    client,
                    filter,
                    reason,
                };
                self.tell(event, fx);
                return reason;
            }
        };
        let durable = self.sessions.get(id).is_some_and(|s| s.durable);
        let changed = durable && self.subscription(id, &filter) != Some(subscriber);
        if changed && !self.storage.is_ok() {
            self.tell_unstored(conn, Unstored::Subscription(filter), fx);
            return Reason::QuotaExceeded;
        }
        self.add_subscription(&permit, &filter, subscriber, options.retain_handling);
        if changed {
            self.commit(
                Record::Subscribed {
                    session: client.session.clone(),
                    filter: filter.clone(),
                    options,
                    identifier: subscriber.identifier,
                },
                fx,
            );
        }
        let qos = options.qos;
        self.tell(
            Event::Subscribed {
                client,
                filter,
                qos,
            },
            fx,
        );
        granted(qos)
    }

    pub(super) fn add_subscription(
        &mut self,
        _: &Permit<ToSubscribe>,
        filter: &Filter,
        subscriber: Subscriber,
        handling: RetainHandling,
    ) {
        let Some(session) = self.sessions.get_mut(subscriber.session) else {
            return;
        };
        let new = session.subscriptions.insert(filter.clone());
        if new {
            session.charge.grow(memory::of_subscription(filter));
        }
        if filter.share().is_some() {
            let durable = session.durable;
            self.join_group(filter, subscriber, durable);
        } else {
            plan_replay(session, handling, new, filter, subscriber);
            self.routes.insert(filter, subscriber);
        }
    }

    /// The terms of a session's subscription with this filter.
    pub(super) fn subscription(&self, id: SessionId, filter: &Filter) -> Option<Subscriber> {
        match filter.share() {
            Some(_) => self.groups.get(self.groups.find(filter)?)?.member(id),
            None => self.routes.find(filter, id),
        }
    }

    /// The permit for a filter, or why it is refused.
    fn permit(&self, id: SessionId, filter: &Filter) -> Result<Permit<ToSubscribe>, Reason> {
        let session = self.sessions.get(id).ok_or(Reason::UnspecifiedError)?;
        let permit = session.may(filter).ok_or(Reason::NotAuthorized)?;
        let held = &session.subscriptions;
        if !self.limits().allow_topic(filter.as_str()) {
            Err(Reason::TopicFilterInvalid)
        } else if !held.contains(filter)
            && (held.len() >= self.limits().max_subscriptions || self.is_memory_full())
        {
            Err(Reason::QuotaExceeded)
        } else {
            Ok(permit)
        }
    }

    pub(super) fn unsubscribe(
        &mut self,
        conn: ConnectionId,
        unsubscribe: &Unsubscribe,
        fx: &mut Effects,
    ) {
        let Some(live) = self.connections.get(conn).and_then(Connection::live) else {
            return;
        };
        let (id, client) = (live.session, live.client.clone());
        let before = self.committed;
        let mut reasons = Vec::with_capacity(unsubscribe.filters.len());
        for filter in &unsubscribe.filters {
            let Some(session) = self.sessions.get_mut(id) else {
                return;
            };
            // [MQTT-3.10.4-1]
            if !session.drop_subscription(filter) {
                reasons.push(Reason::NoSubscriptionExisted); // [MQTT-3.11.3-2]
                continue;
            }
            session.replays.retain(|replay| !replay.walk.is_for(filter)); // [MQTT-3.10.4-2], and what was queued stays: [MQTT-3.10.4-3]
            let durable = session.durable.then(|| session.key.clone());
            self.remove_route(filter, id, fx);
            if let Some(session) = durable {
                let filter = filter.clone();
                self.commit(Record::Unsubscribed { session, filter }, fx);
            }
            self.tell(
                Event::Unsubscribed {
                    client: client.clone(),
                    filter: filter.clone(),
                },
                fx,
            );
            reasons.push(Reason::Success);
        }
        let after = self.commits_since(before);
        // [MQTT-3.10.4-4], [MQTT-3.10.4-5], [MQTT-3.10.4-6], [MQTT-3.11.3-1]
        let packet = UnsubAck {
            packet_id: unsubscribe.packet_id,
            properties: Properties::new(),
            reasons,
        };
        self.reply(conn, Packet::UnsubAck(packet), after, fx);
    }
}

/// Has the retained messages sent that a subscription asks for; a shared one gets none.
fn plan_replay(
    session: &mut Session,
    handling: RetainHandling,
    new: bool,
    filter: &Filter,
    subscriber: Subscriber,
) {
    let wanted = match handling {
        RetainHandling::Send => true, // [MQTT-3.3.1-9], [MQTT-3.8.4-4], in 3.1.1 [MQTT-3.8.4-3], [MQTT-3.3.1-6]
        RetainHandling::SendIfNew => new, // [MQTT-3.3.1-10]
        RetainHandling::DoNotSend => false, // [MQTT-3.3.1-11]
    };
    if !wanted {
        return;
    }
    if !new {
        session.replays.retain(|replay| !replay.walk.is_for(filter));
    }
    let walk = Walk::new(filter.clone());
    session.replays.push_back(Replay { walk, subscriber });
}

/// The reason code that grants a QoS. [MQTT-3.8.4-7], in 3.1.1 [MQTT-3.8.4-5]
fn granted(qos: QoS) -> Reason {
    match qos {
        QoS::AtMostOnce => Reason::Success,
        QoS::AtLeastOnce => Reason::GrantedQoS1,
        QoS::ExactlyOnce => Reason::GrantedQoS2,
    }
}
