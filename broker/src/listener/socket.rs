// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Opens the sockets a listener's settings stand for, or says what is in the way.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::task::{Context, Poll};

use broker_config::{BindAddress, Listener};
use socket2::{Domain, Protocol, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream, lookup_host};
use tokio::sync::watch;

use super::{Condition, State};
use crate::local_socket::{self, SocketFile};

/// Why a listener is not open.
#[derive(Debug)]
pub enum Obstacle {
    /// No interface has this address.
    NoSuchAddress(IpAddr),
    NoSuchInterface(String),
    /// Binding to an interface needs a privilege here.
    InterfaceForbidden(String),
    /// A Unix socket cannot be made there.
    Path(String, io::Error),
    /// The host name stands for no address.
    UnknownName(String),
    PortInUse(u16),
    PortForbidden(u16),
    System(io::Error),
}

/// One listening socket.
pub enum Socket {
    Tcp(TcpListener),
    /// With the file that goes with it, if it is ours.
    Local(
        UnixListener,
        #[allow(dead_code, reason = "it acts when dropped")] Option<SocketFile>,
    ),
}

/// An accepted connection.
pub enum Stream {
    Tcp(TcpStream),
    Local(UnixStream),
}

impl Socket {
    /// The next connection and its remote address, which a Unix socket has not.
    pub fn poll_accept(
        &self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<(Stream, Option<SocketAddr>)>> {
        match self {
            Self::Tcp(socket) => socket
                .poll_accept(context)
                .map_ok(|(stream, address)| (Stream::Tcp(stream), Some(address))),
            Self::Local(socket, _) => socket
                .poll_accept(context)
                .map_ok(|(stream, _)| (Stream::Local(stream), None)),
        }
    }

    fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(socket) => socket.local_addr().ok(),
            Self::Local(..) => None,
        }
    }
}

/// Opens every socket of a listener; a host name may need several. Tells when a name is being looked up.
pub async fn open(
    settings: &Listener,
    tell: &watch::Sender<Condition>,
) -> Result<Vec<Socket>, Obstacle> {
    if let Some(path) = &settings.socket {
        return open_local(path).map(|socket| vec![socket]);
    }
    let sockets = match settings.local_address() {
        BindAddress::Any => vec![open_any(settings)?],
        BindAddress::Ip(address) => vec![open_one(address, settings, true)?],
        BindAddress::Host(name) => {
            if tell.borrow().state.is_none() {
                let state = State::Waiting(format!("{name} is being looked up"));
                tell.send_replace(Condition {
                    addresses: Vec::new(),
                    state: Some(state),
                });
            }
            open_host(&name, settings).await?
        }
    };
    Ok(sockets.into_iter().map(Socket::Tcp).collect())
}

/// The addresses that sockets are bound to.
pub fn addresses(sockets: &[Socket]) -> Vec<SocketAddr> {
    sockets.iter().filter_map(Socket::address).collect()
}

fn open_local(path: &str) -> Result<Socket, Obstacle> {
    let file = Path::new(path);
    match local_socket::open(file) {
        Ok(socket) => Ok(Socket::Local(socket, Some(SocketFile::new(file)))),
        Err(error) => Err(Obstacle::Path(path.to_owned(), error)),
    }
}

/// One socket for IPv6 and IPv4, or for IPv4 alone where the kernel has no IPv6.
fn open_any(settings: &Listener) -> Result<TcpListener, Obstacle> {
    let all = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), settings.port);
    match bind(all, settings, Mode::BothFamilies) {
        Err(Failure::System(error)) if has_no_ipv6(&error) => {
            open_one(Ipv4Addr::UNSPECIFIED.into(), settings, false)
        }
        other => other.map_err(|failure| failure.at(all)),
    }
}

/// A socket for one address, which may come later if it is awaited.
fn open_one(address: IpAddr, settings: &Listener, awaited: bool) -> Result<TcpListener, Obstacle> {
    let at = SocketAddr::new(address, settings.port);
    let mode = match awaited {
        true => Mode::Awaited,
        false => Mode::Present,
    };
    bind(at, settings, mode).map_err(|failure| failure.at(at))
}

/// All addresses of a name that this machine has; one is enough.
async fn open_host(name: &str, settings: &Listener) -> Result<Vec<TcpListener>, Obstacle> {
    let unknown = || Obstacle::UnknownName(name.to_owned());
    let mut addresses: Vec<_> = lookup_host((name, settings.port))
        .await
        .map_err(|_| unknown())?
        .filter(|address| settings.socket_domain.includes(address.ip()))
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    let mut sockets = Vec::new();
    let mut missing = None;
    for address in addresses {
        match open_one(address.ip(), settings, false) {
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

/// How an address is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// All of IPv6, and IPv4 with it.
    BothFamilies,
    /// An address that the machine has.
    Present,
    /// An address that it may get later (IP_FREEBIND).
    Awaited,
}

/// What failed.
enum Failure {
    Interface(String, io::Error),
    System(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

/// Accepted connections inherit TCP_NODELAY.
fn bind(address: SocketAddr, settings: &Listener, mode: Mode) -> Result<TcpListener, Failure> {
    let socket = socket2::Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking(),
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(mode != Mode::BothFamilies)?;
    }
    if mode == Mode::Awaited && !address.ip().is_unspecified() {
        match address.is_ipv6() {
            true => socket.set_freebind_v6(true)?,
            false => socket.set_freebind_v4(true)?,
        }
    }
    if let Some(interface) = &settings.interface {
        socket
            .bind_device(Some(interface.as_bytes()))
            .map_err(|error| Failure::Interface(interface.clone(), error))?;
    }
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into())?)
}

impl Failure {
    fn at(self, at: SocketAddr) -> Obstacle {
        match self {
            Self::System(error) => Obstacle::new(error, at.ip(), at.port()),
            Self::Interface(name, error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Obstacle::InterfaceForbidden(name)
            }
            Self::Interface(name, error) => match error.raw_os_error() {
                Some(nix::libc::ENODEV) => Obstacle::NoSuchInterface(name),
                _ => Obstacle::System(error),
            },
        }
    }
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
            Self::NoSuchAddress(_) | Self::NoSuchInterface(_) | Self::UnknownName(_) => {
                State::Waiting(self.to_string())
            }
            Self::PortInUse(_)
            | Self::PortForbidden(_)
            | Self::InterfaceForbidden(_)
            | Self::Path(..)
            | Self::System(_) => State::Refused(self.to_string()),
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchAddress(address) => {
                write!(f, "{address} is not an address of this machine yet")
            }
            Self::NoSuchInterface(name) => {
                write!(f, "this machine has no network interface {name} yet")
            }
            Self::InterfaceForbidden(name) => write!(
                f,
                "binding to the interface {name} needs Linux 5.7 or newer, or the right CAP_NET_RAW; \
                 use bind_address instead"
            ),
            Self::Path(path, error) => write_path(f, path, error),
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

fn write_path(f: &mut fmt::Formatter<'_>, path: &str, error: &io::Error) -> fmt::Result {
    match error.kind() {
        io::ErrorKind::AddrInUse => write!(f, "another program answers on {path}"),
        io::ErrorKind::AlreadyExists => write!(f, "{path} is there and is no socket"),
        io::ErrorKind::NotFound => write!(f, "the folder of {path} is not there"),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => write!(
            f,
            "the broker may not make a file at {path}; as a service it may below /run/broker"
        ),
        _ => write!(f, "{path}: {error}"),
    }
}

/// Connections that wait to be accepted; the kernel's own limit may be lower.
const BACKLOG: i32 = 1024;
