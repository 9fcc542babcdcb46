// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Ports for daemons of the tests: nobody else of the tests gets them, and no client's socket comes from them.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::Mutex;

/// What this process has taken; the kernel takes it back when the process ends.
static TAKEN: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());

/// Well above the ports of services that a machine has.
const FIRST: u16 = 10_000;
/// Distance between where two processes with neighbouring numbers begin to look.
const STRIDE: u32 = 16;

/// Two ports below the ephemeral range, free on all addresses, that no test of any process gets while this one runs.
pub fn free_ports() -> (u16, u16) {
    (free_port(), free_port())
}

fn free_port() -> u16 {
    let mut taken = TAKEN.lock().unwrap_or_else(|error| error.into_inner());
    let ports = u32::from(first_ephemeral().saturating_sub(FIRST));
    let start = std::process::id().wrapping_mul(STRIDE);
    let offsets = (0..ports).map(|step| start.wrapping_add(step) % ports);
    let mut candidates = offsets.map(|offset| FIRST + offset as u16);
    let found = candidates.find_map(|port| Some((port, take(port)?)));
    let (port, reservation) = found.expect("there is a free port below the ephemeral ones");
    taken.push(reservation);
    port
}

/// A name in the kernel that only one process can have; none where it or the port is in use.
fn take(port: u16) -> Option<UnixListener> {
    let name = SocketAddr::from_abstract_name(format!("broker-tests-port-{port}")).ok()?;
    let reservation = UnixListener::bind_addr(&name).ok()?;
    let is_free = |bound: std::io::Result<TcpListener>| {
        // Any other error means that the machine lacks this kind of address.
        !bound.is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
    };
    let free = is_free(TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)))
        && is_free(TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)));
    free.then_some(reservation)
}

/// Where the source ports of clients begin.
fn first_ephemeral() -> u16 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let range = range.expect("the kernel tells its ephemeral ports");
    let first = range.split_whitespace().next().and_then(|n| n.parse().ok());
    first.expect("the range begins with a port")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_port_is_given_once_and_is_never_ephemeral() {
        let threads = [(); 8].map(|()| std::thread::spawn(|| [(); 8].map(|()| free_port())));
        let ports = threads.map(|thread| thread.join().unwrap());
        let unique: HashSet<u16> = ports.into_iter().flatten().collect();
        assert_eq!(unique.len(), 64);
        assert!(unique.iter().all(|port| *port < first_ephemeral()));
    }

    #[test]
    fn a_port_in_use_on_one_address_is_passed_over() {
        let found = (FIRST..).find_map(|port| Some((port, take(port)?)));
        let (port, reservation) = found.unwrap();
        let _user = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        drop(reservation);
        assert!(take(port).is_none());
    }
}
