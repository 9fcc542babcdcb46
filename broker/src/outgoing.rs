// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Bytes on their way to a socket: small frames side by side in one buffer, large payloads shared.

use std::io::{self, IoSlice};

use bytes::Bytes;
use mqtt_core::Chunks;

use crate::transport::Sink;

/// What is to be sent, in order.
#[derive(Default)]
pub struct Outgoing {
    chunks: Chunks,
}

impl Outgoing {
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.chunks.len()
    }

    /// Takes what `chunks` has, when it has nothing itself, and leaves its memory there.
    pub fn take(&mut self, chunks: &mut Chunks) {
        debug_assert!(self.is_empty(), "bytes would change places");
        std::mem::swap(&mut self.chunks, chunks);
    }

    /// Appends bytes.
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        self.chunks.buffer().extend_from_slice(bytes);
    }

    /// Puts bytes in front of everything.
    pub fn push_front(&mut self, bytes: Bytes) {
        self.chunks.push_front(bytes);
    }

    /// Puts what is to be sent earlier in front of everything, emptying it.
    pub fn push_before(&mut self, earlier: &mut Self) {
        self.chunks.push_before(&mut earlier.chunks);
    }

    /// Writes as much as the socket takes; whether that was all.
    pub fn write_to(&mut self, sink: &Sink, mut sent: impl FnMut(usize)) -> io::Result<bool> {
        while !self.is_empty() {
            let written = match self.write_once(sink) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            sent(written);
            self.chunks.advance(written);
        }
        sink.try_flush()
    }

    /// Empties it; a buffer grown beyond the usual is given back.
    pub fn reset(&mut self) {
        self.chunks.reset();
    }

    fn write_once(&self, sink: &Sink) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut used = 0;
        for (slice, chunk) in slices.iter_mut().zip(self.chunks.iter()) {
            *slice = IoSlice::new(chunk);
            used += 1;
        }
        match slices.get(..used) {
            Some([only]) => sink.try_write(only),
            several => sink.try_write_vectored(several.unwrap_or(&[])),
        }
    }
}

/// Chunks handed to one system call.
const MAX_SLICES: usize = 32;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::transport::Transport;
    use tokio::io::AsyncReadExt;
    use tokio::net::UnixStream;

    #[tokio::test]
    async fn bytes_leave_in_order_however_little_the_socket_takes() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let (_reader, sink, _layer) = Transport::Unix(near).split();
        let mut outgoing = Outgoing::default();
        let mut expected = Vec::new();
        for number in 0..400_u32 {
            let chunk = vec![u8::try_from(number % 251).unwrap(); 3_000];
            expected.extend_from_slice(&chunk);
            outgoing.push_bytes(&chunk);
            if number % 3 == 0 {
                let payload = Bytes::from(vec![7; 5_000]);
                expected.extend_from_slice(&payload);
                outgoing.chunks.push_payload(&payload);
            }
        }
        outgoing.push_front(Bytes::from_static(b"first"));
        expected.splice(0..0, *b"first");
        assert_eq!(outgoing.len(), expected.len());

        let mut sent = 0;
        let mut received = vec![0; expected.len()];
        let mut blocked = 0;
        let mut filled = 0;
        while !outgoing.write_to(&sink, |bytes| sent += bytes).unwrap() {
            blocked += 1;
            far.readable().await.unwrap();
            while let Ok(count) = far.try_read(&mut received[filled..]) {
                filled += count;
            }
            poll_fn(|context| sink.poll_writable(context))
                .await
                .unwrap();
        }
        far.read_exact(&mut received[filled..]).await.unwrap();
        assert!(blocked > 0, "the test must see a full socket");
        assert_eq!(sent, expected.len());
        assert!(received == expected);
    }

    #[tokio::test]
    async fn a_peer_that_is_gone_is_an_error() {
        let (near, far) = UnixStream::pair().unwrap();
        drop(far);
        let (_reader, sink, _layer) = Transport::Unix(near).split();
        let mut outgoing = Outgoing::default();
        outgoing.push_bytes(b"x");
        let error = outgoing.write_to(&sink, |_| ()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
