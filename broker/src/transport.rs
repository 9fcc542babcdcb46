// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The byte streams a connection may run over, split into the half its own task reads and the half all may write.
//! [MQTT-4.2.0-1], in 3.1.1 [MQTT-7.1.1-1]

mod tls;
pub mod websocket;

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, BytesMut};
use socket2::SockRef;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpStream, UnixStream, tcp, unix};

pub use tls::TlsStream;

/// One accepted socket and what is spoken on it below MQTT.
pub enum Transport {
    Tcp(TcpStream),
    Unix(UnixStream),
    WebSocket(TcpStream),
    LocalWebSocket(UnixStream),
    /// The handshake is still to be made; what is spoken after it is the layer.
    Tls(Arc<TlsStream>, Layer),
}

/// What a connection speaks between its socket and MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    Plain,
    /// The HTTP request that asks for a WebSocket is not answered yet.
    Http,
    WebSocket,
}

impl Transport {
    pub fn split(self) -> (Source, Sink, Layer) {
        match self {
            Self::Tcp(stream) => {
                let (source, sink) = stream.into_split();
                (Source::Tcp(source), Sink::Tcp(sink), Layer::Plain)
            }
            Self::WebSocket(stream) => {
                let (source, sink) = stream.into_split();
                (Source::Tcp(source), Sink::Tcp(sink), Layer::Http)
            }
            Self::Unix(stream) => {
                let (source, sink) = stream.into_split();
                (Source::Unix(source), Sink::Unix(sink), Layer::Plain)
            }
            Self::Tls(stream, layer) => (Source::Tls(stream.clone()), Sink::Tls(stream), layer),
            Self::LocalWebSocket(stream) => {
                let (source, sink) = stream.into_split();
                (Source::Unix(source), Sink::Unix(sink), Layer::Http)
            }
        }
    }
}

/// The receiving half.
pub enum Source {
    Tcp(tcp::OwnedReadHalf),
    Unix(unix::OwnedReadHalf),
    Tls(Arc<TlsStream>),
}

impl Source {
    /// Waits for bytes and appends up to `most` of them; 0 is the end. Nothing is lost when it is cancelled.
    pub async fn read(&mut self, buffer: &mut BytesMut, most: usize) -> io::Result<usize> {
        poll_fn(|context| {
            ready!(self.poll_readable(context))?;
            self.poll_read(context, buffer, most)
        })
        .await
    }

    /// Whether a look for bytes may find some.
    pub fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(half) => half.as_ref().poll_read_ready(context),
            Self::Unix(half) => half.as_ref().poll_read_ready(context),
            // There may be some that are deciphered already.
            Self::Tls(_) => Poll::Ready(Ok(())),
        }
    }

    /// Appends up to `most` bytes, for which it takes memory at once; 0 is the end.
    pub fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        if let Self::Tls(stream) = self {
            return stream.poll_read(context, buffer, most);
        }
        buffer.reserve(most);
        let space = &mut buffer.limit(most);
        match self {
            Self::Tcp(half) => pin!(half.read_buf(space)).poll(context),
            Self::Unix(half) => pin!(half.read_buf(space)).poll(context),
            Self::Tls(_) => Poll::Pending,
        }
    }

    /// Takes bytes only to drop them, waiting for them; whether there may be more.
    pub async fn discard(&mut self) -> bool {
        // Not part of every task.
        let mut buffer = vec![0; DISCARDED];
        let read = match self {
            Self::Tcp(half) => half.read(&mut buffer).await,
            Self::Unix(half) => half.read(&mut buffer).await,
            Self::Tls(stream) => stream.read_raw(&mut buffer).await,
        };
        matches!(read, Ok(1..))
    }
}

/// The sending half; used by one task at a time, the holder of the link's turn.
pub enum Sink {
    Tcp(tcp::OwnedWriteHalf),
    Unix(unix::OwnedWriteHalf),
    Tls(Arc<TlsStream>),
}

impl Sink {
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(half) => half.try_write(bytes),
            Self::Unix(half) => half.try_write(bytes),
            Self::Tls(stream) => stream.try_write_vectored(&[IoSlice::new(bytes)]),
        }
    }

    pub fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(half) => half.try_write_vectored(slices),
            Self::Unix(half) => half.try_write_vectored(slices),
            Self::Tls(stream) => stream.try_write_vectored(slices),
        }
    }

    /// Sends what was taken and kept back; whether that was all.
    pub fn try_flush(&self) -> io::Result<bool> {
        match self {
            Self::Tcp(_) | Self::Unix(_) => Ok(true),
            Self::Tls(stream) => stream.try_flush(),
        }
    }

    /// Whether the socket may take more; only the connection's own task may ask.
    pub fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(half) => half.as_ref().poll_write_ready(context),
            Self::Unix(half) => half.as_ref().poll_write_ready(context),
            Self::Tls(stream) => stream.poll_writable(context),
        }
    }

    /// Tells the peer that nothing more comes; what is under way still arrives.
    pub fn finish(&self) {
        // An error means that the peer has closed already, which is the aim.
        let _ = match self {
            Self::Tcp(half) => SockRef::from(half.as_ref()).shutdown(Shutdown::Write),
            Self::Unix(half) => SockRef::from(half.as_ref()).shutdown(Shutdown::Write),
            Self::Tls(stream) => return stream.finish(),
        };
    }
}

/// Bytes read at a time only to be dropped.
const DISCARDED: usize = 1024;
