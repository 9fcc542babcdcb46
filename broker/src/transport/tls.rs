// SPDX-License-Identifier: Apache-2.0 OR MIT
//! TLS on a TCP stream, shared by the task that reads it and whoever writes to it.
//!
//! A write hands its bytes over to be encrypted only once everything before them has left, so at most [`MAX_PENDING`]
//! bytes wait here; what the socket did not take counts as blocked until it is writable again.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use rustls::ServerConnection;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::tls::Offer;

/// One encrypted connection.
pub struct TlsStream {
    stream: TcpStream,
    session: Mutex<ServerConnection>,
    offer: Arc<Offer>,
    /// Our last word is said: what still comes is no longer understood.
    over: AtomicBool,
}

impl TlsStream {
    /// The handshake is still to be made.
    pub fn new(stream: TcpStream, offer: Arc<Offer>) -> Result<Arc<Self>, rustls::Error> {
        let mut session = ServerConnection::new(offer.config.clone())?;
        session.set_buffer_limit(Some(MAX_PENDING));
        Ok(Arc::new(Self {
            stream,
            session: Mutex::new(session),
            offer,
            over: AtomicBool::new(false),
        }))
    }

    /// What the listener offered when this connection came.
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Waits for the peer's first byte, which stays to be read; none if it has closed.
    pub async fn first_byte(&self) -> io::Result<Option<u8>> {
        let mut first = [0];
        let count = self.stream.peek(&mut first).await?;
        Ok(first.first().copied().filter(|_| count > 0))
    }

    /// Goes one step on with the handshake; whether it is done. Nothing is lost when it is cancelled.
    pub async fn shake_hands(&self) -> io::Result<bool> {
        loop {
            match self.step() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.ready().await?,
                outcome => return outcome,
            }
        }
    }

    /// The client's own certificate in DER, if it has shown one.
    pub fn peer_certificate(&self) -> Option<Vec<u8>> {
        let session = self.session();
        Some(session.peer_certificates()?.first()?.to_vec())
    }

    /// Appends up to `most` bytes; 0 is the end. Only the connection's own task may ask.
    pub fn poll_read(
        &self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.read_now(buffer, most) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.poll_ready(context))?;
                }
                outcome => return Poll::Ready(outcome),
            }
        }
    }

    /// Takes bytes as they come, undeciphered; 0 is the end.
    pub async fn read_raw(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.stream.readable().await?;
            match self.stream.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return outcome,
            }
        }
    }

    /// Encrypts and sends as much as it may hand over without waiting.
    pub fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut session = self.session();
        if session.is_handshaking() || !self.send(&mut session)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let written = session.writer().write_vectored(slices)?;
        self.send(&mut session)?;
        Ok(written)
    }

    /// Sends what is encrypted; whether that was all.
    pub fn try_flush(&self) -> io::Result<bool> {
        self.send(&mut self.session())
    }

    pub fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_write_ready(context)
    }

    /// Tells the peer that nothing more comes.
    pub fn finish(&self) {
        self.over.store(true, Ordering::Relaxed);
        let mut session = self.session();
        session.send_close_notify();
        // A peer that takes no more is not waited for.
        let _ = self.send(&mut session);
        let _ = SockRef::from(&self.stream).shutdown(Shutdown::Write);
    }

    fn step(&self) -> io::Result<bool> {
        let mut session = self.session();
        self.send(&mut session)?;
        if !session.is_handshaking() {
            return Ok(true);
        }
        if session.read_tls(&mut Socket(&self.stream))? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.process(&mut session)?;
        self.send(&mut session)?;
        Ok(!session.is_handshaking())
    }

    fn read_now(&self, buffer: &mut BytesMut, most: usize) -> io::Result<usize> {
        let mut session = self.session();
        loop {
            let state = self.process(&mut session)?;
            let count = state.plaintext_bytes_to_read().min(most);
            if count > 0 {
                let begin = buffer.len();
                buffer.resize(begin + count, 0);
                return session
                    .reader()
                    .read(buffer.get_mut(begin..).unwrap_or_default());
            }
            if state.peer_has_closed() {
                return Ok(0);
            }
            // TLS itself has answers, too.
            self.send(&mut session)?;
            if session.read_tls(&mut Socket(&self.stream))? == 0 {
                return Ok(0);
            }
        }
    }

    /// Decrypts what was read; the peer is told by an alert what is wrong with it.
    fn process(&self, session: &mut ServerConnection) -> io::Result<rustls::IoState> {
        if self.over.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        session.process_new_packets().map_err(|error| {
            self.over.store(true, Ordering::Relaxed);
            // Whether it hears the alert changes nothing.
            let _ = self.send(session);
            io::Error::new(io::ErrorKind::InvalidData, error)
        })
    }

    fn send(&self, session: &mut ServerConnection) -> io::Result<bool> {
        while session.wants_write() {
            match session.write_tls(&mut Socket(&self.stream)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Waits until the socket has something for us, or takes what TLS itself has to say.
    async fn ready(&self) -> io::Result<()> {
        let wants_write = self.session().wants_write();
        let interest = match wants_write {
            true => Interest::READABLE | Interest::WRITABLE,
            false => Interest::READABLE,
        };
        self.stream.ready(interest).await.map(|_| ())
    }

    /// The same for [`TlsStream::poll_read`].
    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.session().wants_write() {
            if let Poll::Ready(ready) = self.stream.poll_write_ready(context) {
                return Poll::Ready(ready);
            }
        }
        self.stream.poll_read_ready(context)
    }

    fn session(&self) -> MutexGuard<'_, ServerConnection> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The socket as rustls wants it, never waiting.
struct Socket<'a>(&'a TcpStream);

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes of a connection that are encrypted and not sent yet.
const MAX_PENDING: usize = 64 * 1024;

#[cfg(test)]
mod tests;
