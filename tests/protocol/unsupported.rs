// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Properties of MQTT 5 that a client must not send: each is refused with its own reason.

use mqtt_proto::{Property, Publish, Reason, Version};
use tests::World;
use tests::packets::{properties, publish};

#[test]
fn a_subscription_identifier_from_a_publisher_is_an_error() {
    let world = World::new();
    let client = world.client(Version::V5, "a");
    let identifier = properties([Property::SubscriptionIdentifier(1)]);
    client.send(Publish {
        properties: identifier,
        ..publish("x", "1")
    });
    client.expect_disconnect(Reason::ProtocolError); // [MQTT-3.3.4-6]
}
