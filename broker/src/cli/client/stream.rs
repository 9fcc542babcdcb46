// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The bytes under the client: TCP, or WebSocket binary frames over it.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tungstenite::http::Uri;
use tungstenite::{ClientRequestBuilder, Error as WsError, HandshakeError, Message, WebSocket};

use super::ClientError;
use super::tls::{self, TlsStream};
use crate::cli::arguments::Target;

/// A connected stream.
pub enum Stream {
    Tcp(TcpStream),
    WebSocket(Box<WebSocket<TcpStream>>),
    Tls(Box<TlsStream>),
}

impl Stream {
    /// Connects to the first address of the host that answers, each tried for at most 10 s.
    pub fn connect(target: &Target) -> Result<Self, ClientError> {
        let (host, port) = (target.host.as_str(), target.port());
        let unknown = |source| ClientError::UnknownHost {
            host: host.to_owned(),
            source,
        };
        let addresses = (host, port).to_socket_addrs().map_err(unknown)?;
        let mut failure = unknown(ErrorKind::NotFound.into());
        for address in addresses {
            match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                Ok(stream) => return Self::begin(stream, address, target),
                Err(source) => {
                    failure = ClientError::NoConnection {
                        address: address.to_string(),
                        source,
                    }
                }
            }
        }
        Err(failure)
    }

    fn begin(stream: TcpStream, address: SocketAddr, target: &Target) -> Result<Self, ClientError> {
        stream.set_nodelay(true).map_err(ClientError::Lost)?;
        stream
            .set_write_timeout(Some(WRITE_TIMEOUT))
            .map_err(ClientError::Lost)?;
        stream
            .set_read_timeout(Some(CONNECT_TIMEOUT))
            .map_err(ClientError::Lost)?;
        if let Some(trust) = &target.trust {
            let stream = tls::begin(stream, &target.host, trust)?;
            return Ok(Self::Tls(Box::new(stream)));
        }
        if !target.websocket {
            return Ok(Self::Tcp(stream));
        }
        let uri: Uri = format!("ws://{address}/mqtt")
            .parse()
            .map_err(no_websocket)?;
        let request = ClientRequestBuilder::new(uri).with_sub_protocol("mqtt");
        match tungstenite::client(request, stream) {
            Ok((websocket, _)) => Ok(Self::WebSocket(Box::new(websocket))),
            Err(HandshakeError::Failure(error)) => Err(no_websocket(error)),
            Err(HandshakeError::Interrupted(_)) => Err(no_websocket("no answer")),
        }
    }

    pub fn send(&mut self, bytes: Bytes) -> Result<(), ClientError> {
        match self {
            Self::Tcp(stream) => stream.write_all(&bytes).map_err(ClientError::Lost),
            Self::Tls(stream) => stream
                .write_all(&bytes)
                .and_then(|()| stream.flush())
                .map_err(tls::lost),
            Self::WebSocket(websocket) => websocket.send(Message::Binary(bytes)).map_err(lost),
        }
    }

    /// Appends what comes within `patience`; false if nothing did.
    pub fn receive(
        &mut self,
        received: &mut BytesMut,
        patience: Duration,
    ) -> Result<bool, ClientError> {
        let socket = match self {
            Self::Tcp(stream) => stream,
            Self::WebSocket(websocket) => websocket.get_ref(),
            Self::Tls(stream) => &stream.sock,
        };
        socket
            .set_read_timeout(Some(patience))
            .map_err(ClientError::Lost)?;
        match self {
            Self::Tcp(stream) => read(stream, received),
            Self::Tls(stream) => read(&mut **stream, received),
            Self::WebSocket(websocket) => read_message(websocket, received),
        }
    }

    /// Waits until the broker has closed its side too, so that nothing sent is lost.
    pub fn close(self) -> Result<(), ClientError> {
        let mut stream = match self {
            Self::Tcp(stream) => stream,
            Self::Tls(mut stream) => {
                // The MQTT connection is over; how TLS ends changes nothing.
                stream.conn.send_close_notify();
                let _ = stream.flush();
                stream.sock
            }
            Self::WebSocket(mut websocket) => {
                // The MQTT connection is over; how the WebSocket ends changes nothing.
                let _ = websocket.close(None).and_then(|()| websocket.flush());
                websocket.get_ref().try_clone().map_err(ClientError::Lost)?
            }
        };
        stream
            .set_read_timeout(Some(CLOSE_TIMEOUT))
            .map_err(ClientError::Lost)?;
        while matches!(stream.read(&mut [0; 512]), Ok(1..)) {}
        Ok(())
    }
}

fn read(stream: &mut impl Read, received: &mut BytesMut) -> Result<bool, ClientError> {
    let mut chunk = [0; READ_SIZE];
    match stream.read(&mut chunk) {
        Ok(0) => Err(ClientError::Closed),
        Ok(length) => {
            received.extend_from_slice(chunk.get(..length).unwrap_or_default());
            Ok(true)
        }
        Err(error) if is_timeout(error.kind()) => Ok(false),
        Err(error) => Err(tls::lost(error)),
    }
}

fn read_message(
    websocket: &mut WebSocket<TcpStream>,
    received: &mut BytesMut,
) -> Result<bool, ClientError> {
    match websocket.read() {
        Ok(Message::Binary(bytes)) => {
            received.extend_from_slice(&bytes);
            Ok(true)
        }
        Ok(Message::Close(_)) => Err(ClientError::Closed),
        Ok(_) => Ok(true),
        Err(WsError::Io(error)) if is_timeout(error.kind()) => Ok(false),
        Err(error) => Err(lost(error)),
    }
}

fn is_timeout(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

fn lost(error: WsError) -> ClientError {
    match error {
        WsError::Io(error) => ClientError::Lost(error),
        WsError::ConnectionClosed | WsError::AlreadyClosed => ClientError::Closed,
        other => ClientError::Lost(std::io::Error::other(other)),
    }
}

fn no_websocket(cause: impl std::fmt::Display) -> ClientError {
    ClientError::NoWebSocket(cause.to_string())
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes taken from the socket at a time.
const READ_SIZE: usize = 16 * 1024;
