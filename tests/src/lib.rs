// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Support library of the tests: a virtual world around the core, packets in one line, and the real daemon.
//!
//! [`World`] drives `mqtt_core::Broker` with encoded bytes and virtual time, [`Client`] is one end of a
//! dialogue in it, [`packets`] builds what is sent and expected. [`Daemon`] starts the real `broker`,
//! [`Connection`] speaks to it, and [`tools`] are other people's programs. [`source`] reads the project's own files.

mod aliases;
pub mod certificates;
mod client;
mod connection;
mod crash;
mod daemon;
pub mod delivery;
pub mod device;
mod disk;
pub mod malformed;
pub mod matching;
pub mod packets;
mod ports;
mod random;
mod recovery;
pub mod rights;
mod settle;
pub mod sharing;
pub mod source;
mod store;
pub mod tools;
mod world;

pub use client::Client;
pub use connection::{Connection, connect_from};
pub use daemon::{Daemon, PASSWORD, USER};
pub use packets::IntoPacket;
pub use ports::free_ports;
pub use random::Random;
pub use settle::METHOD;
pub use world::{LISTENER, World, open_to_all};

use mqtt_proto::Version;

/// The two versions that every dialogue runs in.
pub const VERSIONS: [Version; 2] = [Version::V311, Version::V5];

/// The three qualities of service.
pub const QUALITIES: [mqtt_proto::QoS; 3] = [
    mqtt_proto::QoS::AtMostOnce,
    mqtt_proto::QoS::AtLeastOnce,
    mqtt_proto::QoS::ExactlyOnce,
];
