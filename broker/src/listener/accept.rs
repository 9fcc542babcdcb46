// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Accepts connections and gives each a task of its own.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use broker_config::{Listener, Protocol};
use bytestring::ByteString;
use mqtt_core::{Peer, PeerKind};
use tokio::time::sleep;

use super::socket::{Socket, Stream};
use crate::connection;
use crate::hub::Hub;
use crate::logging::Log;
use crate::tls::Keeper;
use crate::transport::{Layer, TlsStream, Transport};

/// Accepts on all sockets until aborted; how many connections there may be decides the core.
pub async fn serve(
    sockets: &[Socket],
    settings: &Listener,
    keeper: Option<&Arc<Keeper>>,
    hub: &Arc<Hub>,
    log: &Log,
) {
    let mut failing = false;
    let name = name(settings);
    loop {
        match next(sockets).await {
            Ok((stream, address)) => {
                failing = false;
                match transport(stream, settings, keeper) {
                    Some(transport) => greet(transport, address, (settings.port, &name), hub),
                    None => log.error(format!(
                        "A connection to {} is refused: its TLS cannot be set up.",
                        settings.place()
                    )),
                }
            }
            Err(error) if is_the_peers(error.kind()) => {}
            Err(error) => {
                if !failing {
                    log.error(format!(
                        "Connections to {} cannot be accepted: {error}.",
                        settings.place()
                    ));
                }
                failing = true;
                sleep(PAUSE).await;
            }
        }
    }
}

async fn next(sockets: &[Socket]) -> io::Result<(Stream, Option<SocketAddr>)> {
    poll_fn(|context| {
        let accepted = sockets
            .iter()
            .find_map(|socket| match socket.poll_accept(context) {
                Poll::Ready(accepted) => Some(accepted),
                Poll::Pending => None,
            });
        accepted.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// The connection with what is spoken on it; none where TLS cannot be set up.
fn transport(
    stream: Stream,
    settings: &Listener,
    keeper: Option<&Arc<Keeper>>,
) -> Option<Transport> {
    if let Some(keeper) = keeper {
        let layer = match settings.protocol {
            Protocol::Mqtt => Layer::Plain,
            Protocol::WebSockets => Layer::Http,
        };
        // A Unix socket has no TLS; it would have to be there and is not.
        let Stream::Tcp(stream) = stream else {
            return None;
        };
        let stream = TlsStream::new(stream, keeper.offer()?).ok()?;
        return Some(Transport::Tls(stream, layer));
    }
    Some(match (settings.protocol, stream) {
        (Protocol::Mqtt, Stream::Tcp(stream)) => Transport::Tcp(stream),
        (Protocol::Mqtt, Stream::Local(stream)) => Transport::Unix(stream),
        (Protocol::WebSockets, Stream::Tcp(stream)) => Transport::WebSocket(stream),
        (Protocol::WebSockets, Stream::Local(stream)) => Transport::LocalWebSocket(stream),
    })
}

fn greet(
    transport: Transport,
    address: Option<SocketAddr>,
    (port, listener): (u16, &ByteString),
    hub: &Arc<Hub>,
) {
    // An IPv4 client of a socket for both families shows its IPv4 address.
    let address =
        address.map(|address| SocketAddr::new(address.ip().to_canonical(), address.port()));
    let peer = Peer {
        kind: PeerKind::Network,
        address,
        port,
        listener: listener.clone(),
    };
    tokio::spawn(connection::serve(hub.clone(), transport, peer));
}

/// What the core calls the listener; the same for every change of its terms.
pub fn name(settings: &Listener) -> ByteString {
    settings.to_string().into()
}

/// The connection failed before it was accepted, which says nothing about the next one.
fn is_the_peers(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
    )
}

/// For descriptors or memory to become free.
const PAUSE: Duration = Duration::from_millis(100);
