// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Features of MQTT 5 that this broker does not have: each is refused with its own reason.

use mqtt_proto::{Auth, Connect, Property, Publish, Reason, Version};
use tests::World;
use tests::packets::{connect, properties, publish};

#[test]
fn an_authentication_method_is_refused() {
    let world = World::new();
    let method = properties([
        Property::AuthenticationMethod("SCRAM-SHA-256".into()),
        Property::AuthenticationData("x".into()),
    ]);
    world.refused(
        Connect {
            properties: method,
            ..connect(Version::V5, "a")
        },
        Reason::BadAuthenticationMethod, // [MQTT-4.12.0-1]
    );
}

#[test]
fn an_auth_packet_without_a_method_is_an_error() {
    let world = World::new();
    let client = world.client(Version::V5, "a");
    client.send(Auth {
        reason: Reason::ReAuthenticate,
        properties: properties([]),
    });
    client.expect_disconnect(Reason::BadAuthenticationMethod);
}

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
