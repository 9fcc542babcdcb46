// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Asks one address as a client would, without logging in, until there is an answer of any kind.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use bytestring::ByteString;
use mqtt_proto::{Connect, Decoder, Disconnect, Packet, Properties, Reason, Version, encode};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error,
    SignatureScheme, crypto,
};
use tungstenite::{Error as WsError, HandshakeError};

use crate::control::protocol::Listener;
use crate::tls::{fingerprint, provider};

/// Waits at most 5 s for each of connection, first byte and what follows it.
pub fn ask(listener: &Listener, place: &str) -> Result<(), Silence> {
    if listener.socket.is_some() {
        let stream = UnixStream::connect(place).map_err(Silence::NoConnection)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        return speak(stream, listener, "localhost");
    }
    let address: SocketAddr = place.parse().map_err(|_| Silence::NoAddress)?;
    let stream = connect(address).map_err(Silence::NoConnection)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    match &listener.tls {
        Some(tls) => handshake(stream, address, &tls.fingerprint),
        None => speak(stream, listener, place),
    }
}

/// Every address of this machine is asked over the loopback interface, by whichever protocol it has.
fn connect(mut address: SocketAddr) -> io::Result<TcpStream> {
    let v4 = IpAddr::V4(Ipv4Addr::LOCALHOST);
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(v4),
        IpAddr::V6(ip) if ip.is_unspecified() => {
            address.set_ip(IpAddr::V6(Ipv6Addr::LOCALHOST));
            return TcpStream::connect_timeout(&address, PATIENCE).or_else(|error| {
                address.set_ip(v4);
                match error.kind() {
                    io::ErrorKind::AddrNotAvailable | io::ErrorKind::NetworkUnreachable => {
                        TcpStream::connect_timeout(&address, PATIENCE)
                    }
                    _ => Err(error),
                }
            });
        }
        _ => {}
    }
    TcpStream::connect_timeout(&address, PATIENCE)
}

fn speak(stream: impl Read + Write, listener: &Listener, host: &str) -> Result<(), Silence> {
    match listener.protocol.as_str() {
        "websockets" => upgrade(stream, host),
        _ => converse(stream),
    }
}

/// CONNECT without a name; a refusal is an answer, too.
fn converse(mut stream: impl Read + Write) -> Result<(), Silence> {
    let mut decoder = Decoder::client(Version::V5);
    let mut received = BytesMut::new();
    let hello = Connect::new(Version::V5, ByteString::new());
    send(&mut stream, &Packet::Connect(Box::new(hello)))?;
    let mut chunk = [0; 512];
    loop {
        match decoder.decode(&mut received) {
            Ok(Some(Packet::ConnAck(ack))) => {
                if !ack.reason.is_error() {
                    let goodbye = Disconnect {
                        reason: Reason::Success,
                        properties: Properties::new(),
                    };
                    send(&mut stream, &Packet::Disconnect(goodbye))?;
                }
                return Ok(());
            }
            Ok(Some(_)) | Err(_) => return Err(Silence::NotMqtt),
            Ok(None) => {}
        }
        match stream.read(&mut chunk)? {
            0 => return Err(Silence::Closed),
            length => received.extend_from_slice(chunk.get(..length).unwrap_or_default()),
        }
    }
}

fn send(stream: &mut impl Write, packet: &Packet) -> io::Result<()> {
    let mut bytes = BytesMut::new();
    encode(packet, Version::V5, &mut bytes);
    stream.write_all(&bytes)
}

fn upgrade(stream: impl Read + Write, host: &str) -> Result<(), Silence> {
    let uri = format!("ws://{host}/mqtt");
    let uri = uri.parse().map_err(|_| Silence::NoAddress)?;
    let request = tungstenite::ClientRequestBuilder::new(uri).with_sub_protocol("mqtt");
    match tungstenite::client(request, stream) {
        // Whatever HTTP says, it is an answer.
        Ok(_) | Err(HandshakeError::Failure(WsError::Http(_))) => Ok(()),
        Err(HandshakeError::Failure(WsError::Io(error))) => Err(error.into()),
        Err(HandshakeError::Interrupted(_)) => Err(Silence::TimedOut),
        Err(HandshakeError::Failure(_)) => Err(Silence::NotWebSocket),
    }
}

/// The certificate has to be the one the daemon says it shows there.
fn handshake(mut socket: TcpStream, address: SocketAddr, expected: &str) -> Result<(), Silence> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(Silence::Tls)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Known(expected.to_owned())))
        .with_no_client_auth();
    let name = ServerName::from(address.ip());
    let mut session = ClientConnection::new(Arc::new(config), name).map_err(Silence::Tls)?;
    while session.is_handshaking() {
        if let Err(error) = session.complete_io(&mut socket) {
            return judge(error);
        }
    }
    // The answer is there; how the connection ends changes nothing.
    session.send_close_notify();
    let _ = session.complete_io(&mut socket);
    Ok(())
}

/// That it wants a certificate of us is an answer.
fn judge(error: io::Error) -> Result<(), Silence> {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(Error::AlertReceived(_)) => Ok(()),
        Some(fault) => Err(Silence::Tls(fault.clone())),
        None => Err(error.into()),
    }
}

/// Accepts the one certificate with this fingerprint.
#[derive(Debug)]
struct Known(String);

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match fingerprint(leaf) == self.0 {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        crypto::verify_tls12_signature(message, leaf, signed, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        crypto::verify_tls13_signature(message, leaf, signed, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Why there was no answer.
#[derive(Debug)]
pub enum Silence {
    NoAddress,
    NoConnection(io::Error),
    TimedOut,
    Lost(io::Error),
    Closed,
    NotMqtt,
    NotWebSocket,
    Tls(Error),
}

impl From<io::Error> for Silence {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Lost(error),
        }
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("has no address that can be asked"),
            Self::NoConnection(error) => write!(f, "takes no connection: {error}"),
            Self::TimedOut => write!(f, "does not answer within {} s", PATIENCE.as_secs()),
            Self::Lost(error) => write!(f, "does not answer: {error}"),
            Self::Closed => f.write_str("closes the connection without an answer"),
            Self::NotMqtt => f.write_str("answers CONNECT with something else than CONNACK"),
            Self::NotWebSocket => f.write_str("answers a request for WebSocket without HTTP"),
            Self::Tls(error) => write!(f, "makes no TLS handshake: {error}"),
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(5);
