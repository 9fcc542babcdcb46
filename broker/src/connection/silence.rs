// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Peers that connect and never say CONNECT, on every transport, in virtual time.

use std::net::SocketAddr;
use std::sync::mpsc::Receiver;

use mqtt_core::{Limits, PeerKind, Terms};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::time::{Instant, sleep};

use super::*;
use crate::dialogue::{Forgetful, hub_of};
use crate::logging::Log;

const LISTENER: &str = "test";
/// Between the pieces of what a slow peer sends.
const PAUSE: Duration = Duration::from_millis(300);
const REQUEST: &str = "GET /mqtt HTTP/1.1\r\nHost: broker\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
/// A masked WebSocket ping.
const PING: &[u8] = b"\x89\x80\0\0\0\0";
/// Close, normally.
const CLOSE: &[u8] = b"\x88\x02\x03\xe8";

struct Bench {
    hub: Arc<Hub>,
    log: Log,
    lines: Receiver<String>,
}

/// What became of a silent peer.
struct End {
    answer: Vec<u8>,
    after: Duration,
    line: String,
}

impl Bench {
    fn new(connect_timeout: Duration) -> Self {
        let limits = Limits {
            connect_timeout,
            ..Limits::default()
        };
        let (log, lines) = Log::captured();
        let hub = hub_of(Forgetful::default(), limits, log.clone());
        let listeners = [(LISTENER.into(), Terms::default())].into();
        hub.enter(&mut vec![Command::Listeners(listeners)]);
        Self { hub, log, lines }
    }

    async fn over_tcp(&self, transport: fn(TcpStream) -> Transport, pieces: &[&[u8]]) -> End {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let far = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (near, address) = listener.accept().await.unwrap();
        self.watch(transport(near), Some(address), far, pieces)
            .await
    }

    async fn over_unix(&self, transport: fn(UnixStream) -> Transport, pieces: &[&[u8]]) -> End {
        let (near, far) = UnixStream::pair().unwrap();
        self.watch(transport(near), None, far, pieces).await
    }

    async fn watch(
        &self,
        transport: Transport,
        address: Option<SocketAddr>,
        far: impl AsyncRead + AsyncWrite,
        pieces: &[&[u8]],
    ) -> End {
        let peer = Peer {
            kind: PeerKind::Network,
            address,
            port: 1883,
            listener: LISTENER.into(),
        };
        let begin = Instant::now();
        let task = tokio::spawn(serve(self.hub.clone(), transport, peer));
        let (mut hears, mut speaks) = tokio::io::split(far);
        let mut answer = Vec::new();
        let speaking = async {
            for piece in pieces {
                // The broker may have closed.
                let _ = speaks.write_all(piece).await;
                sleep(PAUSE).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            heard = hears.read_to_end(&mut answer) => drop(heard.unwrap()),
            () = speaking => {}
        }
        let after = begin.elapsed();
        drop((hears, speaks));
        task.await.unwrap();
        self.log.flush();
        let line = self.lines.try_iter().find(|line| line.contains("Client "));
        let line = line.unwrap_or_default();
        let origin = match address {
            Some(address) => format!("address {address})"),
            None => "address a local socket)".to_owned(),
        };
        assert!(line.ends_with(&origin), "{line}");
        End {
            answer,
            after,
            line,
        }
    }
}

impl End {
    fn expect(&self, after: Duration, reason: &str) {
        let late = self.after.saturating_sub(after);
        assert!(
            self.after >= after && late < Duration::from_millis(100),
            "closed after {:?}, not {after:?}",
            self.after
        );
        assert!(self.line.contains(reason), "{}", self.line);
    }
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_never_says_connect_is_closed_and_the_log_says_where_it_came_from() {
    for seconds in [1, 5, 60] {
        let allowed = Duration::from_secs(seconds);
        let reason = format!(
            "Client <unknown> has exceeded timeout, disconnecting. (reason: no CONNECT within {seconds} s; "
        );
        let bench = || Bench::new(allowed);
        let dripping = [&b"\x10"[..], b"\x20", b"\0", b"\x04", b"M", b"Q", b"T"].repeat(40);
        for pieces in [&[][..], &[&b"\x10\x20\0\x04MQ"[..]], &dripping[..30]] {
            let end = bench().over_tcp(Transport::Tcp, pieces).await;
            end.expect(allowed, &reason);
            // No DISCONNECT before CONNACK. [MQTT-3.14.0-1]
            assert_eq!(end.answer, b"");
            let end = bench().over_unix(Transport::Unix, pieces).await;
            end.expect(allowed, &reason);
            assert_eq!(end.answer, b"");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_websocket_without_a_whole_request_is_told_so_in_http_shortly_before() {
    for seconds in [1, 5, 60] {
        let connect_timeout = Duration::from_secs(seconds);
        let allowed = connect_timeout * 9 / 10;
        let bench = || Bench::new(connect_timeout);
        let (half, _) = REQUEST.split_at(REQUEST.len() / 2);
        let dripping: Vec<&[u8]> = half.as_bytes().chunks(1).collect();
        for pieces in [&[][..], &[half.as_bytes()], &dripping] {
            let ends = [
                bench().over_tcp(Transport::WebSocket, pieces).await,
                bench().over_unix(Transport::LocalWebSocket, pieces).await,
            ];
            for end in ends {
                end.expect(allowed, NO_REQUEST);
                let answer = String::from_utf8_lossy(&end.answer).into_owned();
                assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_websocket_that_never_says_connect_is_closed_whatever_else_it_sends() {
    for seconds in [1, 5, 60] {
        let allowed = Duration::from_secs(seconds);
        let bench = || Bench::new(allowed);
        let reason = format!("no CONNECT within {seconds} s; ");
        let mut pinging = vec![REQUEST.as_bytes()];
        pinging.extend([PING; 20]);
        for pieces in [&pinging[..1], &pinging] {
            let ends = [
                bench().over_tcp(Transport::WebSocket, pieces).await,
                bench().over_unix(Transport::LocalWebSocket, pieces).await,
            ];
            for end in ends {
                end.expect(allowed, &reason);
                assert!(end.answer.starts_with(b"HTTP/1.1 101 "));
                assert!(end.answer.ends_with(CLOSE), "{:?}", end.answer);
            }
        }
    }
}

/// What the log says of a WebSocket request that does not come.
const NO_REQUEST: &str = "no whole WebSocket request in the time that connect_timeout leaves";
