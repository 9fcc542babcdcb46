// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A real TCP connection to the daemon, for what no well-behaved client does.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd;

use bytes::BytesMut;
use mqtt_proto::{Decoder, Packet, Version, encode};
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, SockaddrIn};

use crate::tools::PATIENCE;
use crate::{IntoPacket, PASSWORD, USER, packets};

/// A socket of a peer with this loopback address.
pub fn connect_from(source: Ipv4Addr, port: u16) -> nix::Result<TcpStream> {
    let fd = socket::socket(
        AddressFamily::Inet,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let address = |host, port| SockaddrIn::from(SocketAddrV4::new(host, port));
    socket::bind(fd.as_raw_fd(), &address(source, 0))?;
    socket::connect(fd.as_raw_fd(), &address(Ipv4Addr::LOCALHOST, port))?;
    Ok(TcpStream::from(fd))
}

/// One end of a dialogue with the daemon; waits at most [`PATIENCE`] for each answer.
pub struct Connection {
    socket: TcpStream,
    reader: Decoder,
    arrived: BytesMut,
    version: Version,
}

impl Connection {
    /// A connection that has sent nothing yet.
    #[track_caller]
    pub fn open(port: u16, version: Version) -> Self {
        let socket = TcpStream::connect(("127.0.0.1", port)).expect("the daemon listens");
        socket.set_nodelay(true).expect("a socket can be set");
        socket
            .set_read_timeout(Some(PATIENCE))
            .expect("a socket can be set");
        socket
            .set_write_timeout(Some(PATIENCE))
            .expect("a socket can be set");
        Self {
            socket,
            reader: Decoder::client(version),
            arrived: BytesMut::new(),
            version,
        }
    }

    /// A client whom the daemon has let in.
    #[track_caller]
    pub fn client(port: u16, version: Version, client_id: &str) -> Self {
        let mut client = Self::open(port, version);
        client.send(packets::login(
            packets::connect(version, client_id),
            USER,
            PASSWORD,
        ));
        let answer = client.receive();
        assert!(
            matches!(&answer, Some(Packet::ConnAck(connack)) if !connack.reason.is_error()),
            "{answer:?}"
        );
        client
    }

    #[track_caller]
    pub fn send(&mut self, packet: impl IntoPacket) {
        let mut bytes = BytesMut::new();
        encode(&packet.into_packet(), self.version, &mut bytes);
        self.send_bytes(&bytes);
    }

    #[track_caller]
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("the daemon reads");
    }

    /// The next packet; none at the end of the connection.
    #[track_caller]
    pub fn receive(&mut self) -> Option<Packet> {
        loop {
            let decoded = self.reader.decode(&mut self.arrived);
            if let Some(packet) = decoded.expect("the daemon sends well-formed packets") {
                return Some(packet);
            }
            let mut chunk = [0; 64 * 1024];
            match self.socket.read(&mut chunk) {
                Ok(0) => return None,
                Ok(count) => self.arrived.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no answer: {error}"),
            }
        }
    }

    /// All that comes until the daemon closes; a reset ends it too.
    #[track_caller]
    pub fn receive_bytes(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.socket.read_to_end(&mut bytes) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("no end: {error}"),
            _ => bytes,
        }
    }

    /// All that comes until the daemon closes, as text.
    #[track_caller]
    pub fn receive_text(&mut self) -> String {
        let mut text = String::new();
        self.socket
            .read_to_string(&mut text)
            .expect("the daemon answers and closes");
        text
    }
}
