// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The real daemon with real clients: Mosquitto's, Paho's, mqtt.js, a browser, its own, and some that misbehave.
//!
//! What is missing on this machine is installed, or fetched into `target/interop` in the versions named here.

mod activation;
mod attack;
mod backup;
mod browser;
mod clients;
mod commands;
mod crowd;
mod front_door;
mod health;
mod manual;
mod matrix;
mod mosquitto;
mod persistence;
mod rights;
mod scram;
mod siege;
mod socket;
mod stalled;
mod tls;
mod witness;
