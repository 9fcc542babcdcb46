// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Whether what an open listener is bound to is there: its address, its interface.
//!
//! A socket may be bound to an address that the machine does not have yet (IP_FREEBIND), and outlives one that goes.

use std::io;
use std::net::{IpAddr, UdpSocket};

use broker_config::{BindAddress, Listener};
use nix::net::if_::if_nametoindex;
use tokio::sync::watch;
use tokio::time::sleep;

use super::socket::Obstacle;
use super::{Condition, RETRY, State};
use crate::logging::Log;

/// Whether it can be reached now.
pub fn state(settings: &Listener) -> State {
    match settings.bind_address {
        BindAddress::Ip(address) if is_missing(address) => Obstacle::NoSuchAddress(address).state(),
        _ => State::Listening,
    }
}

/// Keeps the state true, looking every 2 s; returns when the socket must be opened anew because its interface was
/// replaced by another of the same name.
pub async fn watch(settings: &Listener, tell: &watch::Sender<Condition>, log: &Log) {
    let interface = index(settings);
    loop {
        sleep(RETRY).await;
        if index(settings) != interface {
            return;
        }
        let state = state(settings);
        if tell.borrow().state.as_ref() == Some(&state) {
            continue;
        }
        report(settings, &state, log);
        tell.send_modify(|condition| condition.state = Some(state));
    }
}

/// Says what changed for clients of an open socket.
pub fn report(settings: &Listener, state: &State, log: &Log) {
    match state {
        State::Listening => log.notice(format!("The listener ({settings}) can be reached now.")),
        State::Waiting(reason) | State::Refused(reason) => log.warning(format!(
            "The listener ({settings}) is open and cannot be reached: {reason}."
        )),
    }
}

fn index(settings: &Listener) -> Option<u32> {
    if_nametoindex(settings.interface.as_deref()?).ok()
}

/// Whether no interface has this address, as far as the system says.
fn is_missing(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0))
        .is_err_and(|error| error.kind() == io::ErrorKind::AddrNotAvailable)
}
