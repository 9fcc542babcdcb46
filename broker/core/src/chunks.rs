// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Bytes for one socket, in order: small frames side by side in one buffer, large payloads shared.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

/// What is to be sent: first the sealed chunks, then the buffer.
#[derive(Debug, Default)]
pub struct Chunks {
    sealed: VecDeque<Bytes>,
    buffer: BytesMut,
}

impl Chunks {
    pub fn is_empty(&self) -> bool {
        self.sealed.is_empty() && self.buffer.is_empty()
    }

    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.iter().map(<[u8]>::len).sum()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let sealed = self.sealed.iter().map(|chunk| &chunk[..]);
        sealed.chain([&self.buffer[..]])
    }

    /// Where bytes are appended.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Appends a payload, shared where that costs less than a copy.
    pub fn push_payload(&mut self, payload: &Bytes) {
        if payload.len() < MIN_SHARED {
            self.buffer.extend_from_slice(payload);
        } else {
            self.sealed.push_back(self.buffer.split().freeze());
            self.sealed.push_back(payload.clone());
        }
    }

    /// Puts bytes in front of everything.
    pub fn push_front(&mut self, bytes: Bytes) {
        self.sealed.push_front(bytes);
    }

    /// Puts other chunks in front of everything, emptying them.
    pub fn push_before(&mut self, earlier: &mut Self) {
        let mut all = std::mem::take(earlier);
        all.sealed.push_back(all.buffer.split().freeze());
        all.sealed.append(&mut self.sealed);
        all.buffer = std::mem::take(&mut self.buffer);
        *self = all;
    }

    /// Takes away what was sent.
    pub fn advance(&mut self, mut bytes: usize) {
        while let Some(first) = self.sealed.front_mut() {
            if bytes < first.len() {
                return first.advance(bytes);
            }
            bytes -= first.len();
            self.sealed.pop_front();
        }
        if bytes >= self.buffer.len() {
            self.buffer.clear();
        } else {
            self.buffer.advance(bytes);
        }
    }

    /// Empties it; a buffer grown beyond the usual is given back.
    pub fn reset(&mut self) {
        self.sealed.clear();
        self.buffer.clear();
        if self.buffer.capacity() > MAX_KEPT {
            self.buffer = BytesMut::new();
        }
    }
}

/// Payload bytes from which sharing costs less than copying.
pub(crate) const MIN_SHARED: usize = 4 * 1024;
/// Bytes of buffer kept for the next use.
const MAX_KEPT: usize = 256 * 1024;
