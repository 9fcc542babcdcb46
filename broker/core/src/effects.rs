// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the core asks a driver to do after an entry.

use crate::{AuthRequest, Chunks, CommitSeq, ConnectionId, Event, Location, Moment, Record};

/// The outcome of one entry; the driver owns and reuses it, emptying each list as it acts.
#[derive(Default)]
pub struct Effects {
    /// Connections that have frames to drain or must be closed, each once.
    pub wake: Vec<ConnectionId>,
    /// Connections the core has ended: their last frames must leave soon, whatever else blocks them.
    pub ended: Vec<ConnectionId>,
    /// Logins to judge; each is answered by [`crate::Command::Authenticated`].
    pub authenticate: Vec<AuthRequest>,
    /// Payloads to read from the store; each is answered by [`crate::Command::Fetched`].
    pub fetch: Vec<FetchRequest>,
    /// What happened, for the log.
    pub events: Vec<Event>,
    /// Durable changes in order; they must be appended to the store before the core is left.
    pub records: Vec<Record>,
    /// The records of a QoS 2 message or a will with very many receivers go on in the next entry: none of them may become
    /// durable without the others.
    pub incomplete: bool,
    /// Work is left: enter again with [`crate::Command::Tick`] without waiting for the deadline.
    pub unfinished: bool,
    /// When to enter with [`crate::Command::Tick`] at the latest.
    pub deadline: Option<Moment>,
}

/// A payload to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    pub conn: ConnectionId,
    pub location: Location,
}

/// What one connection has to send, filled by [`crate::Broker::drain`].
#[derive(Default)]
pub struct Drained {
    /// Whole frames in sending order.
    pub chunks: Chunks,
    /// More frames are ready: drain again once these are written.
    pub more: bool,
    /// The next frames wait until this commit is durable.
    pub waits_for: Option<CommitSeq>,
    /// After these frames the connection is closed.
    pub close: bool,
    /// Reading pauses until the next wake-up (an answer is outstanding).
    pub pause_reading: bool,
}
