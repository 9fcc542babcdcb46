// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Makes the machine match the `broker.toml` on its boot partition, at every boot.
//!
//! Two things, in this order, after a factory reset if one is asked for (`reset`). Accepting (`accept`): find the file (`document`), check it, turn it into the desired
//! state (`resolve`, `desired`), keep that durably, then take the passwords off the card (`stamp`, `secret`).
//! Applying: look at the machine (`observed`), decide what is missing (`plan`, pure), do it (`apply`), and tell the
//! person who edited the file (`report`). The world is reached only through the traits in `system`.

mod accept;
mod apply;
mod card;
mod certificates;
mod clock;
mod desired;
mod discovery;
mod division;
mod document;
mod firewall;
mod hosts;
mod led;
mod login;
mod network;
mod observed;
mod places;
mod plan;
mod provision;
mod renew;
mod report;
mod requests;
mod reset;
mod resolve;
mod secret;
mod sockets;
mod ssh;
mod stamp;
mod status;
mod support;
pub mod system;
mod time_servers;

pub use clock::Moment;
pub use led::{LedError, follow};
pub use network::set_up as set_up_network;
pub use places::Places;
pub use provision::{Dry, World, apply, plan};
pub use renew::{issue_client, list_clients, renew, revoke_client};
pub use report::{Urgency, chain};
pub use status::{Status, status};
pub use support::support;
