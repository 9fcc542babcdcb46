// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Bytes on their way to a socket: small frames side by side in one buffer, large payloads shared.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::{Buf, Bytes, BytesMut};
use mqtt_core::{Delivery, Frame};
use mqtt_proto::Version;

use crate::transport::Sink;

/// What is to be sent, in order: first the sealed chunks, then the buffer.
#[derive(Default)]
pub struct Outgoing {
    sealed: VecDeque<Bytes>,
    buffer: BytesMut,
}

impl Outgoing {
    pub fn is_empty(&self) -> bool {
        self.sealed.is_empty() && self.buffer.is_empty()
    }

    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.sealed.iter().map(Bytes::len).sum::<usize>() + self.buffer.len()
    }

    /// Appends one packet as it is on the wire.
    pub fn push_frame(&mut self, frame: &Frame, version: Version) {
        match frame {
            Frame::Packet(packet) => mqtt_proto::encode(packet, version, &mut self.buffer),
            Frame::Deliver(delivery) => self.push_delivery(delivery, version),
        }
    }

    /// Appends bytes.
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Puts bytes in front of everything.
    pub fn push_front(&mut self, bytes: Bytes) {
        self.sealed.push_front(bytes);
    }

    /// Puts what is to be sent earlier in front of everything, emptying it.
    pub fn push_before(&mut self, earlier: &mut Self) {
        let mut all = std::mem::take(earlier);
        all.sealed.push_back(all.buffer.split().freeze());
        all.sealed.append(&mut self.sealed);
        all.buffer = std::mem::take(&mut self.buffer);
        *self = all;
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
            self.advance(written);
        }
        sink.try_flush()
    }

    /// Empties it; a buffer grown beyond the usual is given back.
    pub fn reset(&mut self) {
        self.sealed.clear();
        self.buffer.clear();
        if self.buffer.capacity() > MAX_KEPT {
            self.buffer = BytesMut::new();
        }
    }

    fn push_delivery(&mut self, delivery: &Delivery, version: Version) {
        delivery.encode_head(version, &mut self.buffer);
        if delivery.payload.len() < MIN_SHARED {
            self.buffer.extend_from_slice(&delivery.payload);
        } else {
            self.sealed.push_back(self.buffer.split().freeze());
            self.sealed.push_back(delivery.payload.clone());
        }
    }

    fn write_once(&self, sink: &Sink) -> io::Result<usize> {
        if self.sealed.is_empty() {
            return sink.try_write(&self.buffer);
        }
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let chunks = self
            .sealed
            .iter()
            .map(|chunk| &chunk[..])
            .chain([&self.buffer[..]]);
        let mut used = 0;
        for (slice, chunk) in slices.iter_mut().zip(chunks) {
            *slice = IoSlice::new(chunk);
            used += 1;
        }
        sink.try_write_vectored(slices.get(..used).unwrap_or(&[]))
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(first) = self.sealed.front_mut() {
            if written < first.len() {
                first.advance(written);
                return;
            }
            written -= first.len();
            self.sealed.pop_front();
        }
        if written >= self.buffer.len() {
            self.buffer.clear();
        } else {
            self.buffer.advance(written);
        }
    }
}

/// Payload bytes from which sharing costs less than copying.
const MIN_SHARED: usize = 4 * 1024;
/// Chunks handed to one system call.
const MAX_SLICES: usize = 32;
/// Bytes of buffer kept for the next use.
const MAX_KEPT: usize = 256 * 1024;

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
                let sealed = outgoing.buffer.split().freeze();
                outgoing.sealed.push_back(sealed);
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
