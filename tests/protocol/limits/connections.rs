// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Connections: how many from one address and what counts as one, how fast, and who makes room.

use std::net::SocketAddr;
use std::time::Duration;

use mqtt_core::{ConnectionLimit, DisconnectCause, Event};
use mqtt_proto::{Packet, Version};
use tests::packets::{connect, login};
use tests::{Client, VERSIONS, World};

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

/// How many have made room since the last time that was asked.
fn left(world: &World) -> usize {
    let made_room = |event: &Event| {
        matches!(
            event,
            Event::Rejected {
                client: None,
                cause: DisconnectCause::MadeRoom,
                ..
            }
        )
    };
    world.events().into_iter().filter(made_room).count()
}

/// [R15]
#[test]
fn who_says_nothing_makes_room_in_the_order_of_coming_and_clients_stay() {
    for version in VERSIONS {
        // A tenth is less than 16: four places beside the reserve.
        let world = World::with(|limits| limits.room = 20);
        let client = world.client(version, "a");
        let silent = [(); 3].map(|()| world.open(version));
        assert!(silent.iter().all(Client::is_open));
        for (number, oldest) in silent.iter().enumerate() {
            world.client(version, &format!("new {number}"));
            oldest.expect_closed();
            assert_eq!(left(&world), 1);
        }
        for number in 0..16 {
            world.client(version, &format!("in the reserve {number}"));
        }
        world.open(version).expect_closed();
        let full = |event: &Event| matches!(event, Event::TooManyConnections { limit, .. } if *limit == ConnectionLimit::All(20));
        assert_eq!(world.events().iter().filter(|event| full(event)).count(), 1);
        client.send(Packet::PingReq);
        client.expect(Packet::PingResp);
    }
}

#[test]
fn at_max_connections_a_silent_one_makes_room_too() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_connections = 2);
        let client = world.client(version, "a");
        let silent = world.open(version);
        let newcomer = world.open(version);
        silent.expect_closed();
        newcomer.send(connect(version, "b"));
        assert!(matches!(newcomer.receive(), Packet::ConnAck(_)));
        world.open(version).expect_closed();
        assert_eq!(left(&world), 1);
        assert!(client.is_open());
    }
}

#[test]
fn whose_login_is_judged_need_not_make_room() {
    for version in VERSIONS {
        let world = World::with(|limits| limits.max_connections = 2);
        world.hold_logins();
        let judged = world.open(version);
        judged.send(login(connect(version, "a"), "anna", "secret"));
        let silent = world.open(version);
        assert!(world.open(version).is_open());
        silent.expect_closed();
        assert!(judged.is_open());
    }
}

#[test]
fn an_address_that_connects_too_fast_is_closed_until_its_second_is_over() {
    let world = World::with(|limits| limits.max_connect_rate_per_address = 3);
    let fast = |world: &World| {
        matches!(
            world.events().last(),
            Some(Event::TooManyConnections {
                limit: ConnectionLimit::AddressRate(3),
                ..
            })
        )
    };
    for _ in 0..3 {
        assert!(open(&world, "192.0.2.7:1").is_open());
    }
    open(&world, "192.0.2.7:2").expect_closed();
    assert!(fast(&world));
    assert!(open(&world, "192.0.2.8:1").is_open());
    for _ in 0..10 {
        assert!(open(&world, "127.0.0.1:1").is_open());
    }
    world.pass(Duration::from_secs(1));
    assert!(open(&world, "192.0.2.7:3").is_open());
}

#[test]
fn all_addresses_together_have_a_rate_too_and_none_where_it_is_zero() {
    let world = World::with(|limits| limits.max_connect_rate = 2);
    for (address, expected) in [
        ("192.0.2.1:1", true),
        ("192.0.2.2:1", true),
        ("192.0.2.3:1", false),
    ] {
        assert_eq!(open(&world, address).is_open(), expected, "{address}");
    }
    world.reconfigure(|limits| limits.max_connect_rate = 0);
    for number in 0..100 {
        assert!(open(&world, &format!("192.0.2.{number}:1")).is_open());
    }
}
