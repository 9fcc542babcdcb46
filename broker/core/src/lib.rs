// SPDX-License-Identifier: Apache-2.0 OR MIT
//! MQTT sessions, routes and retained messages as one state machine.
//!
//! [`Broker`] owns all shared state. A driver enters it with a batch of [`Command`]s and leaves with
//! [`Effects`]; bytes, time and randomness are arguments. Nothing here waits or does I/O.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod authz;
mod broker;
mod cause;
mod chunks;
mod command;
mod connection;
mod effects;
mod event;
mod explanation;
mod figures;
mod frame;
mod limits;
mod listener;
mod login;
mod memory;
mod message;
mod record;
mod retained;
mod routes;
mod session;
mod shared;
mod stats;
mod storage;
mod sys;
mod time;
mod timers;
mod total;

pub use authz::{Access, AccessEntry, Grant, Grants, Rules};
pub use broker::{Broker, ClientStatus, Params};
pub use cause::{CloseCause, DisconnectCause, ProtocolFault};
pub use chunks::Chunks;
pub use command::{Command, ConnectionId, Peer, PeerKind};
pub use effects::{Drained, Effects, FetchRequest};
pub use event::{Client, ConnectionLimit, Event, SessionKey};
pub use figures::{StoreFigures, WrittenBytes};
pub use limits::Limits;
pub use listener::{Listeners, Terms};
pub use login::{AuthRequest, Credentials, LoginFailure, Verdict};
pub use message::{Body, Message};
pub use record::{CommitSeq, Entry, EntryId, Location, Owner, Progress, Record};
pub use stats::Stats;
pub use storage::{StorageState, Unstored};
pub use time::Moment;
