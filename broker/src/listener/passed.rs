// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Sockets that the service manager opened before the broker started (socket activation).

use std::fmt;
use std::io;
use std::net::{self, SocketAddr};
use std::os::unix::net as local;

use broker_config::{BindAddress, Listener};
use listenfd::ListenFd;
use socket2::SockRef;
use tokio::net::{TcpListener, UnixListener};

use super::socket::Socket;

/// The sockets of LISTEN_FDS; they stay open, so that a reload finds them again.
#[derive(Default)]
pub struct Passed(Vec<Original>);

enum Original {
    /// With the interface it is bound to.
    Tcp(net::TcpListener, SocketAddr, Option<Vec<u8>>),
    Local(local::UnixListener, String),
}

impl Passed {
    /// Takes the sockets meant for this process; must be called before the first thread is started, because it
    /// changes the environment.
    pub fn from_environment() -> Self {
        let mut descriptors = ListenFd::from_env();
        let all = 0..descriptors.len();
        Self(all.filter_map(|at| take(&mut descriptors, at)).collect())
    }

    /// The socket that this listener would open, if it was passed.
    pub fn find(&self, settings: &Listener) -> io::Result<Option<Socket>> {
        let original = self.0.iter().find(|original| original.is(settings));
        original.map(Original::copy).transpose()
    }

    /// The addresses of those that none of these listeners asks for.
    pub fn strangers(&self, listeners: &[Listener]) -> Vec<String> {
        let asked = |original: &Original| listeners.iter().any(|settings| original.is(settings));
        let strangers = self.0.iter().filter(|original| !asked(original));
        strangers.map(ToString::to_string).collect()
    }
}

fn take(descriptors: &mut ListenFd, at: usize) -> Option<Original> {
    if let Ok(Some(socket)) = descriptors.take_tcp_listener(at) {
        let address = socket.local_addr().ok()?;
        let device = SockRef::from(&socket).device().ok()?;
        return Some(Original::Tcp(socket, address, device));
    }
    let socket = descriptors.take_unix_listener(at).ok().flatten()?;
    let path = socket
        .local_addr()
        .ok()?
        .as_pathname()?
        .to_str()?
        .to_owned();
    Some(Original::Local(socket, path))
}

impl Original {
    fn is(&self, settings: &Listener) -> bool {
        match self {
            Self::Local(_, path) => settings.socket.as_ref() == Some(path),
            Self::Tcp(_, address, device) => {
                let interface = settings.interface.as_ref().map(String::as_bytes);
                let same = match settings.local_address() {
                    BindAddress::Any => address.ip().is_unspecified() && address.is_ipv6(),
                    BindAddress::Ip(wanted) => wanted == address.ip(),
                    BindAddress::Host(_) => false,
                };
                let bound = interface == device.as_deref();
                settings.socket.is_none() && address.port() == settings.port && same && bound
            }
        }
    }

    fn copy(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(socket, ..) => {
                let socket = socket.try_clone()?;
                socket.set_nonblocking(true)?;
                SockRef::from(&socket).set_tcp_nodelay(true)?;
                TcpListener::from_std(socket).map(Socket::Tcp)
            }
            Self::Local(socket, _) => {
                let socket = socket.try_clone()?;
                socket.set_nonblocking(true)?;
                // Its file belongs to the service manager.
                Ok(Socket::Local(UnixListener::from_std(socket)?, None))
            }
        }
    }
}

impl fmt::Display for Original {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(_, address, _) => address.fmt(f),
            Self::Local(_, path) => f.write_str(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_serves_only_a_listener_of_its_interface() {
        let listener = |interface: Option<&str>| Listener {
            port: 1883,
            bind_address: BindAddress::Ip([127, 0, 0, 1].into()),
            interface: interface.map(str::to_owned),
            ..Listener::default()
        };
        let original = |device: Option<&[u8]>| {
            let socket = net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = SocketAddr::from(([127, 0, 0, 1], 1883));
            Original::Tcp(socket, address, device.map(<[u8]>::to_vec))
        };
        let cases = [
            (None, None, true),
            (None, Some("eth0"), false),
            (Some(&b"eth0"[..]), Some("eth0"), true),
            (Some(&b"eth1"[..]), Some("eth0"), false),
            (Some(&b"eth0"[..]), None, false),
        ];
        for (device, interface, expected) in cases {
            let fits = original(device).is(&listener(interface));
            assert_eq!(fits, expected, "{device:?} for {interface:?}");
        }
    }
}
