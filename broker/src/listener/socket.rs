// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Opens the sockets a listener's settings stand for, or says what is in the way.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use broker_config::{BindAddress, Listener};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, lookup_host};
use tokio::sync::watch;

use super::{Condition, State};

/// Why a listener is not open.
#[derive(Debug)]
pub enum Obstacle {
    /// No interface has this address.
    NoSuchAddress(IpAddr),
    /// The host name stands for no address.
    UnknownName(String),
    PortInUse(u16),
    PortForbidden(u16),
    System(io::Error),
}

/// Opens every socket of a listener; a host name may need several. Tells when a name is being looked up.
pub async fn open(
    settings: &Listener,
    tell: &watch::Sender<Condition>,
) -> Result<Vec<TcpListener>, Obstacle> {
    let port = settings.port;
    match &settings.bind_address {
        BindAddress::Any => open_any(port).map(|socket| vec![socket]),
        BindAddress::Ip(address) => open_one(*address, port).map(|socket| vec![socket]),
        BindAddress::Host(name) => {
            if tell.borrow().state.is_none() {
                let state = State::Waiting(format!("{name} is being looked up"));
                tell.send_replace(Condition {
                    addresses: Vec::new(),
                    state: Some(state),
                });
            }
            open_host(name, port).await
        }
    }
}

/// The addresses that sockets are bound to.
pub fn addresses(sockets: &[TcpListener]) -> Vec<SocketAddr> {
    sockets
        .iter()
        .filter_map(|socket| socket.local_addr().ok())
        .collect()
}

/// One socket for IPv6 and IPv4, or for IPv4 alone where the kernel has no IPv6.
fn open_any(port: u16) -> Result<TcpListener, Obstacle> {
    let both = bind(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port), true);
    match both {
        Err(error) if has_no_ipv6(&error) => open_one(Ipv4Addr::UNSPECIFIED.into(), port),
        other => other.map_err(|error| Obstacle::new(error, Ipv6Addr::UNSPECIFIED.into(), port)),
    }
}

fn open_one(address: IpAddr, port: u16) -> Result<TcpListener, Obstacle> {
    bind(SocketAddr::new(address, port), false).map_err(|error| Obstacle::new(error, address, port))
}

/// All addresses of a name that this machine has; one is enough.
async fn open_host(name: &str, port: u16) -> Result<Vec<TcpListener>, Obstacle> {
    let unknown = || Obstacle::UnknownName(name.to_owned());
    let mut addresses: Vec<_> = lookup_host((name, port))
        .await
        .map_err(|_| unknown())?
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    let mut sockets = Vec::new();
    let mut missing = None;
    for address in addresses {
        match open_one(address.ip(), port) {
            Ok(socket) => sockets.push(socket),
            Err(obstacle @ Obstacle::NoSuchAddress(_)) => missing = Some(obstacle),
            Err(obstacle) => return Err(obstacle),
        }
    }
    if sockets.is_empty() {
        Err(missing.unwrap_or_else(unknown))
    } else {
        Ok(sockets)
    }
}

/// Accepted connections inherit TCP_NODELAY.
fn bind(address: SocketAddr, both_families: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking(),
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(!both_families)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn has_no_ipv6(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(nix::libc::EAFNOSUPPORT)
}

impl Obstacle {
    fn new(error: io::Error, address: IpAddr, port: u16) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::PortInUse(port),
            io::ErrorKind::PermissionDenied => Self::PortForbidden(port),
            io::ErrorKind::AddrNotAvailable => Self::NoSuchAddress(address),
            _ if has_no_ipv6(&error) => Self::NoSuchAddress(address),
            _ => Self::System(error),
        }
    }

    /// Whether time alone may remove it.
    pub fn state(&self) -> State {
        match self {
            Self::NoSuchAddress(_) | Self::UnknownName(_) => State::Waiting(self.to_string()),
            Self::PortInUse(_) | Self::PortForbidden(_) | Self::System(_) => {
                State::Refused(self.to_string())
            }
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchAddress(address) => {
                write!(f, "{address} is not an address of this machine yet")
            }
            Self::UnknownName(name) => write!(f, "the name {name} stands for no address yet"),
            Self::PortInUse(port) => {
                write!(
                    f,
                    "port {port} is in use by another program; `ss -ltnp` shows which"
                )
            }
            Self::PortForbidden(port) => {
                write!(
                    f,
                    "port {port} is reserved for privileged programs; choose one from 1024 on"
                )
            }
            Self::System(error) => write!(f, "{error}"),
        }
    }
}

/// Connections that wait to be accepted; the kernel's own limit may be lower.
const BACKLOG: i32 = 1024;
