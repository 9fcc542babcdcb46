// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A client that takes nothing delays nobody: neither other receivers of its messages nor their publisher.

use mqtt_proto::{Packet, QoS, Version};
use tests::packets::{puback, publish_at};
use tests::{Client, IntoPacket, QUALITIES, VERSIONS, World};

/// Of whom the first takes nothing.
const CLIENTS: usize = 100;
/// More than may wait for the first.
const MESSAGES: usize = 200;
/// Bytes that may wait for one client; a message has half a thousand.
const ROOM: usize = 20_000;

fn payload(n: usize) -> String {
    format!("{n:0500}")
}

/// All of `CLIENTS` have subscribed, and the first one's socket is full.
fn crowd(world: &World, version: Version, qos: QoS) -> Vec<Client> {
    let client = |n: usize| {
        let client = world.client(version, &n.to_string());
        client.subscribe("x", qos);
        client
    };
    let crowd: Vec<Client> = (0..CLIENTS).map(client).collect();
    crowd[0].stall();
    crowd
}

#[test]
fn one_stalled_subscriber_of_a_hundred_delays_neither_the_others_nor_the_publisher() {
    for (version, qos) in VERSIONS.into_iter().flat_map(|v| QUALITIES.map(|q| (v, q))) {
        let world = World::with(|limits| {
            limits.max_pending_bytes = ROOM;
            limits.max_queued_bytes = ROOM;
        });
        let crowd = crowd(&world, version, qos);
        let publisher = world.client(version, "p");
        for n in 0..MESSAGES {
            publisher.publish(qos, "x", &payload(n));
            for client in &crowd[1..] {
                client.take(qos, "x", &payload(n));
            }
        }
        let dropped = world.stats().publish_dropped as usize;
        let kept = MESSAGES - dropped;
        let most = 2 * ROOM / 500 + 1;
        assert!((ROOM / 1_000..=most).contains(&kept), "{kept} at {qos:?}");
        crowd[0].unstall();
        let received = crowd[0].take_payloads();
        let expected: Vec<String> = (0..kept).map(payload).collect();
        assert_eq!(received, expected, "the oldest, in order");
        publisher.publish(qos, "x", "again");
        crowd[0].take(qos, "x", "again");
    }
}

#[test]
fn a_publisher_of_many_at_once_is_answered_though_a_subscriber_takes_nothing() {
    for (version, qos) in VERSIONS
        .into_iter()
        .flat_map(|v| [(v, QoS::AtMostOnce), (v, QoS::AtLeastOnce)])
    {
        let world = World::with(|limits| {
            limits.max_pending_bytes = 3 * ROOM;
            limits.max_queued_bytes = ROOM;
        });
        let crowd = crowd(&world, version, qos);
        let publisher = world.client(version, "p");
        let message = |id| publish_at(qos, id, "x", payload(id.into())).into_packet();
        for _ in 0..3 {
            publisher.send_together((1..=90).map(message).chain([Packet::PingReq]));
            if qos == QoS::AtLeastOnce {
                (1..=90).for_each(|id| publisher.expect(puback(id)));
            }
            publisher.expect(Packet::PingResp);
            for client in &crowd[1..] {
                assert_eq!(client.take_payloads().len(), 90);
            }
        }
        assert!(world.stats().publish_dropped > 0, "the first one is full");
    }
}
