// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Frames that wait as they are on the wire, side by side, and the memory they wait in.

use bytes::{Buf, BytesMut};
use mqtt_proto::{Glimpse, Version, whole_len};

/// Frames of one lane, the first to leave in front.
#[derive(Default)]
pub(crate) struct Ready {
    bytes: BytesMut,
    frames: usize,
    /// Bytes of their payloads.
    payload: usize,
}

/// How much left a lane, or is in it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Amount {
    pub frames: usize,
    pub bytes: usize,
    /// Bytes of payloads.
    pub payload: usize,
}

impl Ready {
    pub fn is_empty(&self) -> bool {
        self.frames == 0
    }

    /// All of them.
    pub fn amount(&self) -> Amount {
        Amount {
            frames: self.frames,
            bytes: self.bytes.len(),
            payload: self.payload,
        }
    }

    /// Appends what `write` writes, one frame with so much payload; returns its bytes.
    pub fn push(
        &mut self,
        payload: usize,
        spares: &mut Spares,
        write: impl FnOnce(&mut BytesMut),
    ) -> usize {
        if self.bytes.capacity() == 0 {
            self.bytes = spares.take();
        }
        let before = self.bytes.len();
        write(&mut self.bytes);
        self.frames += 1;
        self.payload += payload;
        self.bytes.len() - before
    }

    /// Moves whole frames of up to about `max` bytes, at least one, to the end of `out`.
    pub fn take(
        &mut self,
        max: usize,
        version: Version,
        out: &mut BytesMut,
        spares: &mut Spares,
    ) -> Amount {
        let mut amount = self.amount();
        if amount.bytes > max {
            amount = self.first(max, version);
        }
        out.extend_from_slice(self.bytes.get(..amount.bytes).unwrap_or_default());
        self.frames -= amount.frames;
        self.payload -= amount.payload;
        if self.is_empty() {
            spares.give(std::mem::take(&mut self.bytes));
        } else {
            self.bytes.advance(amount.bytes);
        }
        amount
    }

    /// The first frames, of at least `max` bytes or all.
    fn first(&self, max: usize, version: Version) -> Amount {
        let mut amount = Amount::default();
        while amount.bytes < max {
            let rest = self.bytes.get(amount.bytes..).unwrap_or_default();
            let Some(len) = whole_len(rest) else { break };
            let publish = Glimpse::of(rest, version);
            amount.frames += 1;
            amount.bytes += len;
            amount.payload += publish.map_or(0, |publish| publish.payload_len);
        }
        amount
    }

    /// The messages among them.
    pub fn messages(&self, version: Version) -> impl Iterator<Item = Glimpse<'_>> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let publish = Glimpse::of(rest, version)?;
            rest = rest.get(publish.len..).unwrap_or_default();
            Some(publish)
        })
    }

    /// Keeps the messages that `keep` says true of; returns what went.
    pub fn retain(
        &mut self,
        version: Version,
        mut keep: impl FnMut(Glimpse<'_>) -> bool,
    ) -> Amount {
        let (mut kept, mut gone) = (Self::default(), Amount::default());
        for publish in self.messages(version) {
            let at = kept.bytes.len() + gone.bytes;
            if keep(publish) {
                let frame = self.bytes.get(at..at + publish.len).unwrap_or_default();
                kept.bytes.extend_from_slice(frame);
                kept.frames += 1;
                kept.payload += publish.payload_len;
            } else {
                gone.bytes += publish.len;
                gone.frames += 1;
                gone.payload += publish.payload_len;
            }
        }
        *self = kept;
        gone
    }
}

/// Buffers that nobody waits in now: at most 1,024, of 1 MiB in all.
#[derive(Default)]
pub(crate) struct Spares {
    free: Vec<BytesMut>,
    bytes: usize,
}

impl Spares {
    fn take(&mut self) -> BytesMut {
        let spare = self.free.pop().unwrap_or_default();
        self.bytes -= spare.capacity();
        spare
    }

    fn give(&mut self, mut buffer: BytesMut) {
        buffer.clear();
        let bytes = self.bytes + buffer.capacity();
        if self.free.len() < MAX_SPARES && bytes <= MAX_SPARE_BYTES && buffer.capacity() > 0 {
            self.bytes = bytes;
            self.free.push(buffer);
        }
    }
}

const MAX_SPARES: usize = 1_024;
const MAX_SPARE_BYTES: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use mqtt_proto::{Properties, PublishHead, QoS};

    fn push(ready: &mut Ready, spares: &mut Spares, topic: &str) {
        let (properties, payload) = (Properties::new(), b"payload");
        let head = PublishHead {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic,
            packet_id: None,
            properties: &properties,
            extra: &[],
        };
        ready.push(payload.len(), spares, |out| {
            head.encode(Version::V5, payload.len(), out);
            out.extend_from_slice(payload);
        });
    }

    fn topics(ready: &Ready) -> Vec<&str> {
        ready.messages(Version::V5).map(|m| m.topic).collect()
    }

    #[test]
    fn frames_are_taken_whole_and_in_order() {
        let (mut ready, mut spares) = (Ready::default(), Spares::default());
        let mut out = BytesMut::new();
        for topic in ["a", "b", "c"] {
            push(&mut ready, &mut spares, topic);
        }
        let first = ready.take(1, Version::V5, &mut out, &mut spares);
        assert_eq!((first.frames, first.payload), (1, 7));
        assert_eq!(topics(&ready), ["b", "c"]);
        let rest = ready.take(1_000, Version::V5, &mut out, &mut spares);
        assert_eq!((rest.frames, rest.payload), (2, 14));
        assert_eq!(out.len(), first.bytes + rest.bytes);
        assert!(ready.is_empty());
        assert_eq!(spares.free.len(), 1, "the buffer is there for the next");
    }

    #[test]
    fn what_is_taken_back_leaves_the_rest_in_order() {
        let (mut ready, mut spares) = (Ready::default(), Spares::default());
        for topic in ["a", "b", "a", "c"] {
            push(&mut ready, &mut spares, topic);
        }
        let gone = ready.retain(Version::V5, |message| message.topic != "a");
        assert_eq!((gone.frames, gone.payload), (2, 14));
        assert_eq!(topics(&ready), ["b", "c"]);
        assert_eq!((ready.frames, ready.payload), (2, 14));
    }

    #[test]
    fn spare_memory_has_a_bound() {
        let mut spares = Spares::default();
        for _ in 0..100 {
            spares.give(BytesMut::with_capacity(64 * 1024));
        }
        assert!(spares.bytes <= MAX_SPARE_BYTES && spares.free.len() == 16);
        for _ in 0..20 {
            spares.take();
        }
        assert_eq!(spares.bytes, 0);
    }
}
