// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Wills: published when their session's connection has ended and their delay has passed.

use mqtt_proto::{Publish, Will};

use super::Broker;
use super::carrier::message;
use crate::authz::{Permit, ToPublish, Who, authorize};
use crate::session::{PendingWill, SessionId};
use crate::{Effects, Event, Moment, SessionKey};

impl Broker {
    /// Publishes the session's will if its delay has passed.
    pub(super) fn publish_due_will(&mut self, now: Moment, id: SessionId, fx: &mut Effects) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let due = |will: &mut Box<PendingWill>| will.due.is_some_and(|at| at <= now);
        // [MQTT-3.1.2-8], [MQTT-3.1.2-10]
        if let Some(will) = session.will.take_if(due) {
            let key = session.key.clone();
            self.publish_will(now, key, will.will, fx);
        }
    }

    /// A will's right is judged again when it is sent. [MQTT-3.1.2-14] [MQTT-3.1.2-15] [MQTT-3.1.3-10], in 3.1.1 [MQTT-3.1.2-16] [MQTT-3.1.2-17]
    pub(super) fn publish_will(
        &mut self,
        now: Moment,
        session: SessionKey,
        will: Will,
        fx: &mut Effects,
    ) {
        let Some(permit) = self.may_leave(&session, &will) else {
            self.stats.publish_dropped += 1;
            let (client, topic) = (session, will.topic);
            return self.tell(Event::WillDenied { client, topic }, fx);
        };
        let mut publish = Publish {
            dup: false,
            qos: will.qos,
            retain: will.retain,
            topic: will.topic,
            packet_id: None,
            properties: will.properties,
            payload: will.payload,
            format_invalid: false,
        };
        let message = self.weaken_will(session, message(now, &mut publish), fx);
        self.publish_own(now, &permit, message, fx);
    }

    /// Whether a client may have this will, by the rights now in force.
    pub(super) fn may_leave(&self, key: &SessionKey, will: &Will) -> Option<Permit<ToPublish>> {
        let rights = &self.access.rights_of(key);
        authorize(Who { rights, key }, &will.topic)
    }
}
