// SPDX-License-Identifier: Apache-2.0 OR MIT
//! SUBSCRIBE and UNSUBSCRIBE.

use mqtt_proto::{
    Packet, Properties, Property, QoS, Reason, RetainHandling, SubAck, Subscribe, SubscribeFilter,
    UnsubAck, Unsubscribe,
};

use super::Broker;
use crate::connection::Connection;
use crate::retained::Walk;
use crate::routes::Subscriber;
use crate::session::{Replay, SessionId};
use crate::{Client, CommitSeq, ConnectionId, Effects, Event, Moment, Record, authz};

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
        let (id, client, explains) = (live.session, live.client.clone(), live.problem_information);
        let identifier = subscribe.properties.subscription_identifiers().next();
        let before = self.committed;
        let mut reasons = Vec::with_capacity(subscribe.filters.len());
        for wanted in subscribe.filters {
            reasons.push(self.subscribe_one(id, &client, wanted, identifier, fx));
        }
        let mut properties = Properties::new();
        let refusal = reasons.iter().find(|r| r.is_error()).filter(|_| explains);
        if let Some(text) = refusal.and_then(|reason| sentence(*reason)) {
            properties.push(Property::ReasonString(text.into()));
        }
        let after = if self.committed == before {
            CommitSeq::default()
        } else {
            self.committed
        };
        let packet = SubAck {
            packet_id: subscribe.packet_id,
            properties,
            reasons,
        }; // [MQTT-3.8.4-1]
        self.reply(conn, Packet::SubAck(packet), after, fx);
        self.pump(now, id, fx);
    }

    fn subscribe_one(
        &mut self,
        id: SessionId,
        client: &Client,
        wanted: SubscribeFilter,
        identifier: Option<u32>,
        fx: &mut Effects,
    ) -> Reason {
        let SubscribeFilter { filter, options } = wanted;
        let limit = self.limits().max_subscriptions;
        let Some(session) = self.sessions.get_mut(id) else {
            return Reason::UnspecifiedError;
        };
        let new = !session.subscriptions.contains(&filter);
        let refusal = if filter.share().is_some() {
            Some(Reason::SharedSubscriptionsNotSupported)
        } else if !authz::may_subscribe(client.peer.kind, &filter) {
            Some(Reason::NotAuthorized)
        } else if new && session.subscriptions.len() >= limit {
            Some(Reason::QuotaExceeded)
        } else {
            None
        };
        if let Some(reason) = refusal {
            self.tell(
                Event::SubscribeDenied {
                    client: client.clone(),
                    filter,
                    reason,
                },
                fx,
            );
            return reason;
        }
        let subscriber = Subscriber {
            session: id,
            qos: options.qos,
            no_local: options.no_local,
            retain_as_published: options.retain_as_published,
            identifier,
        };
        let replay = match options.retain_handling {
            RetainHandling::Send => true,       // [MQTT-3.3.1-9]
            RetainHandling::SendIfNew => new,   // [MQTT-3.3.1-10]
            RetainHandling::DoNotSend => false, // [MQTT-3.3.1-11]
        };
        if replay {
            if !new {
                session
                    .replays
                    .retain(|replay| !replay.walk.is_for(&filter));
            }
            session.replays.push_back(Replay {
                walk: Walk::new(filter.clone()),
                subscriber,
            });
        }
        session.subscriptions.insert(filter.clone());
        self.routes.insert(&filter, subscriber);
        if session.is_persistent() {
            let record = Record::Subscribed {
                session: session.key.clone(),
                filter: filter.clone(),
                options,
            };
            self.commit(record, fx);
        }
        self.tell(
            Event::Subscribed {
                client: client.clone(),
                filter,
                qos: options.qos,
            },
            fx,
        );
        match options.qos {
            QoS::AtMostOnce => Reason::Success,
            QoS::AtLeastOnce => Reason::GrantedQoS1,
            QoS::ExactlyOnce => Reason::GrantedQoS2,
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
            if !session.subscriptions.remove(filter) {
                reasons.push(Reason::NoSubscriptionExisted); // [MQTT-3.11.3-2]
                continue;
            }
            session.replays.retain(|replay| !replay.walk.is_for(filter));
            self.routes.remove(filter, id);
            if session.is_persistent() {
                let record = Record::Unsubscribed {
                    session: session.key.clone(),
                    filter: filter.clone(),
                };
                self.commit(record, fx);
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
        let after = if self.committed == before {
            CommitSeq::default()
        } else {
            self.committed
        };
        let properties = Properties::new();
        let packet = UnsubAck {
            packet_id: unsubscribe.packet_id,
            properties,
            reasons,
        };
        self.reply(conn, Packet::UnsubAck(packet), after, fx);
    }
}

/// What a refused filter's reason code means here.
fn sentence(reason: Reason) -> Option<&'static str> {
    match reason {
        Reason::SharedSubscriptionsNotSupported => Some("this server has no shared subscriptions"),
        Reason::NotAuthorized => {
            Some("topics that start with $ cannot be subscribed to, except $SYS/#")
        }
        Reason::QuotaExceeded => Some("this session holds as many subscriptions as it may"),
        _ => None,
    }
}
