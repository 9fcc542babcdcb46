// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Connections from one address: how many, and what counts as one.

use std::net::SocketAddr;

use mqtt_core::{ConnectionLimit, Event};
use mqtt_proto::Version;
use tests::{Client, World};

fn open(world: &World, address: &str) -> Client {
    let address: SocketAddr = address.parse().unwrap();
    world.open_from(address, Version::V5)
}

fn refusals(world: &World) -> usize {
    let of_address = |event: &Event| {
        matches!(
            event,
            Event::TooManyConnections {
                limit: ConnectionLimit::Address(_),
                ..
            }
        )
    };
    world.events().into_iter().filter(of_address).count()
}

#[test]
fn one_connection_more_than_an_address_may_have_is_closed_and_another_address_is_served() {
    let world = World::with(|limits| limits.max_connections_per_address = 2);
    let first = open(&world, "192.0.2.7:1");
    open(&world, "192.0.2.7:2");
    open(&world, "192.0.2.7:3").expect_closed();
    assert_eq!(refusals(&world), 1);
    assert!(open(&world, "192.0.2.8:1").is_open());
    first.lose();
    assert!(open(&world, "192.0.2.7:4").is_open(), "there is room again");
    open(&world, "192.0.2.7:5").expect_closed();
}

#[test]
fn one_ipv6_network_counts_as_one_address_and_a_mapped_address_as_what_it_maps() {
    let world = World::with(|limits| limits.max_connections_per_address = 1);
    open(&world, "[2001:db8:0:1::1]:1");
    open(&world, "[2001:db8:0:1:ffff::2]:1").expect_closed();
    assert!(open(&world, "[2001:db8:0:2::1]:1").is_open());
    open(&world, "192.0.2.7:1");
    open(&world, "[::ffff:192.0.2.7]:2").expect_closed();
    assert_eq!(refusals(&world), 2);
}

#[test]
fn programs_on_this_machine_may_speak_for_any_number_of_clients() {
    let world = World::with(|limits| limits.max_connections_per_address = 1);
    for address in ["127.0.0.1:1", "127.0.0.1:2", "[::1]:1", "[::1]:2"] {
        assert!(open(&world, address).is_open(), "{address}");
    }
}
