// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The store of a broker that keeps nothing across its own end: payloads by location, durable at once.

use std::collections::HashMap;

use bytes::Bytes;
use mqtt_core::{Body, CommitSeq, Location, Record};
use tokio::sync::watch;

use super::Store;

/// Payloads that queue entries name; the core's queue limits bound them.
#[derive(Default)]
pub struct MemoryStore {
    appended: u64,
    payloads: HashMap<Location, Bytes>,
}

impl Store for MemoryStore {
    fn append(&mut self, records: &mut Vec<Record>) {
        for record in records.drain(..) {
            self.appended += 1;
            match record {
                Record::Message { location, message } => {
                    if let Body::Inline(payload) = &message.body {
                        self.payloads.insert(location, payload.clone());
                    }
                }
                Record::Forget { location } => {
                    self.payloads.remove(&location);
                }
                _ => {}
            }
        }
    }

    fn durable(&self) -> CommitSeq {
        CommitSeq(self.appended)
    }

    fn progress(&self) -> Option<watch::Receiver<CommitSeq>> {
        None
    }

    fn read(&self, location: Location) -> Option<Bytes> {
        self.payloads.get(&location).cloned()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mqtt_core::Message;
    use mqtt_proto::{Properties, QoS, Topic};

    use super::*;

    #[test]
    fn a_payload_is_kept_until_it_is_forgotten_and_each_record_counts() {
        let mut store = MemoryStore::default();
        let location = Location(1);
        let message = Arc::new(Message::new(
            Topic::new("t".into()).unwrap(),
            (QoS::AtLeastOnce, false),
            Properties::new(),
            Body::Inline(Bytes::from_static(b"21.5")),
            None,
        ));
        store.append(&mut vec![Record::Message { location, message }]);
        assert_eq!(store.read(location).as_deref(), Some(&b"21.5"[..]));
        assert_eq!(store.durable(), CommitSeq(1));

        store.append(&mut vec![Record::Forget { location }]);
        assert_eq!(store.read(location), None);
        assert_eq!(store.durable(), CommitSeq(2));
    }
}
