// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The codec seen from outside: samples of every packet, exact bytes, refusals, streams, tables.

mod bytes_on_the_wire;
mod lent;
mod malformed_connect;
mod malformed_packets;
mod properties;
mod property_table;
mod reasons;
mod refusals;
mod roundtrip;
mod samples;
mod stream;
mod topics;
mod transcript;
