// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The receiver's half of QoS 2: packet identifiers between PUBLISH and PUBREL.

use std::collections::HashSet;

use mqtt_proto::PacketId;

/// QoS 2 messages received and not yet released; at most 65,535 by their type.
#[derive(Default)]
pub(crate) struct Inbound {
    received: HashSet<PacketId>,
}

impl Inbound {
    /// False when this is the same message again, which must not be published twice. [MQTT-4.3.3-2]
    pub fn receive(&mut self, packet_id: PacketId) -> bool {
        self.received.insert(packet_id)
    }

    /// False when no such message was received.
    pub fn release(&mut self, packet_id: PacketId) -> bool {
        self.received.remove(&packet_id)
    }

    pub fn iter(&self) -> impl Iterator<Item = PacketId> {
        self.received.iter().copied()
    }

    pub fn holds(&self, packet_id: PacketId) -> bool {
        self.received.contains(&packet_id)
    }
}
