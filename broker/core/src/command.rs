// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a driver tells the core, and the names both use for a connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use mqtt_proto::{DecodeError, Packet, Version};

use crate::{Access, CloseCause, Listeners, Location, Params, StorageState, Verdict};

/// One network connection; the driver assigns it and uses an index again only with a new generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId {
    pub index: u32,
    pub generation: u32,
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    pub kind: PeerKind,
    /// Remote address; none for a Unix socket.
    pub address: Option<SocketAddr>,
    /// The listener's port; 0 for a Unix socket.
    pub port: u16,
    /// The listener's name in [`Command::Listeners`]; empty for an internal peer.
    pub listener: ByteString,
}

impl Peer {
    /// What counts as one address: of IPv6 the /64 network, which one host has to itself; none for a local socket.
    pub fn network(&self) -> Option<IpAddr> {
        let address = self.address?.ip().to_canonical();
        Some(match address {
            IpAddr::V6(address) if !address.is_loopback() => {
                let network = address.to_bits() & !u128::from(u64::MAX);
                IpAddr::V6(network.into())
            }
            _ => address,
        })
    }
}

/// Internal peers skip authentication, are not counted, and may use `$canary/` topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerKind {
    Network,
    Internal,
}

/// Everything a driver can tell the core.
#[derive(Debug)]
pub enum Command {
    /// A connection was accepted; `entropy` seeds an assigned client identifier.
    Open {
        conn: ConnectionId,
        peer: Peer,
        entropy: u128,
    },
    /// The client has proved this name by its certificate, before its first packet and where the listener takes user
    /// names from there; the driver has seen that a user may have it.
    Identified {
        conn: ConnectionId,
        identity: ByteString,
    },
    /// A packet arrived.
    Packet { conn: ConnectionId, packet: Packet },
    /// The bytes that arrived are no packet; nothing more is read from this connection.
    /// `version` is the decoder's, which may know it from a broken CONNECT.
    Undecodable {
        conn: ConnectionId,
        version: Option<Version>,
        error: DecodeError,
    },
    /// The answer to an [`crate::AuthRequest`]; `user` is the name that enhanced authentication told, proven or not.
    Authenticated {
        conn: ConnectionId,
        verdict: Verdict,
        user: Option<ByteString>,
    },
    /// The answer to a [`crate::FetchRequest`]; `None` when the store no longer has it.
    Fetched {
        conn: ConnectionId,
        location: Location,
        payload: Option<Bytes>,
    },
    /// The connection is gone; every `Open` is followed by exactly one.
    Closed {
        conn: ConnectionId,
        cause: CloseCause,
    },
    /// How the store is from now on.
    Storage(StorageState),
    /// A deadline has passed or work was left unfinished.
    Tick,
    /// New settings; connections and sessions stay.
    Reconfigure(Box<Params>),
    /// These are the listeners from now on: connections through another end, and so do anonymous ones
    /// where they are no longer allowed; all others stay.
    Listeners(Listeners),
    /// These rights are in force from now on: also what waits or is in flight is judged by them.
    Access(Arc<Access>),
    /// The logins of these users are no longer good: their connections end.
    Withdraw { users: Vec<ByteString> },
    /// Every connection is told and closed; new ones are refused.
    Shutdown,
}
