// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Everything durable as records: what a store must hold now, and what [`Broker::restore`] makes the same broker of.

use std::collections::BTreeMap;
use std::sync::Arc;

use mqtt_proto::{Filter, RetainHandling, SubscribeOptions};

use super::Broker;
use super::durable::{absence_of, entry_of, session_of, waiting_of};
use crate::session::Session;
use crate::{Entry, Location, Message, Progress, Record};

impl Broker {
    /// The durable state in the order in which [`Broker::restore`] takes it; what a fan-out under way has not reached is
    /// missing.
    ///
    /// Retain Handling of a subscription, which counts only when it is made, is lost. A message whose payload is in the
    /// store only has its place for a body.
    pub fn snapshot(&self) -> Vec<Record> {
        let mut records = Vec::new();
        let mut entries = Vec::new();
        for session in self.sessions.iter() {
            if session.durable {
                self.records_of(session, &mut records);
            }
            self.entries_of(session, &mut entries);
        }
        let of_clients = |m: &Arc<Message>| !m.topic.as_str().starts_with('$');
        let retained = self.retained.iter().filter(of_clients);
        records.extend(retained.map(Record::Retained));
        for group in self.groups.iter() {
            let waiting = group.queue.iter();
            entries.extend(waiting.filter_map(|queued| {
                Some((waiting_of(group, queued)?, Arc::clone(&queued.message)))
            }));
        }
        entries.sort_unstable_by_key(|(entry, _)| entry.id);
        let messages: BTreeMap<Location, Arc<Message>> = entries
            .iter()
            .map(|(entry, message)| (entry.location, Arc::clone(message)))
            .collect();
        records.extend(
            messages
                .into_iter()
                .map(|(location, message)| Record::Message { location, message }),
        );
        records.extend(
            entries
                .into_iter()
                .map(|(entry, _)| Record::Entry(Box::new(entry))),
        );
        records
    }

    /// The session and its client, its subscriptions, and what it has received.
    fn records_of(&self, session: &Session, records: &mut Vec<Record>) {
        records.push(session_of(session));
        records.extend(absence_of(session));
        let subscriptions = session.subscriptions.iter();
        records.extend(subscriptions.filter_map(|filter| self.record_of(session, filter)));
        records.extend(session.inbound.iter().map(|packet_id| Record::Received {
            session: session.key.clone(),
            packet_id,
        }));
    }

    fn record_of(&self, session: &Session, filter: &Filter) -> Option<Record> {
        let subscriber = self.subscription(session.id, filter)?;
        Some(Record::Subscribed {
            session: session.key.clone(),
            filter: filter.clone(),
            options: SubscribeOptions {
                qos: subscriber.qos,
                no_local: subscriber.no_local,
                retain_as_published: subscriber.retain_as_published,
                retain_handling: RetainHandling::Send,
            },
            identifier: subscriber.identifier,
        })
    }

    /// What waits or is in flight for a session; of one that ends with its connection, what it has from a durable group.
    fn entries_of(&self, session: &Session, entries: &mut Vec<(Entry, Arc<Message>)>) {
        let in_flight = session.outbound.all_in_flight();
        let in_flight = in_flight.map(|message| (&message.entry, message.progress()));
        let waiting = session.outbound.queue.iter();
        let waiting = waiting.map(|queued| (queued, Progress::Waiting));
        for (queued, progress) in in_flight.chain(waiting) {
            let entry = entry_of(session, &self.groups, queued, progress);
            entries.extend(entry.map(|entry| (entry, Arc::clone(&queued.message))));
        }
    }
}
