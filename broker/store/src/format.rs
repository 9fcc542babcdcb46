// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The fixed parts of a segment: its header, its name, checksums; docs/store-format.md describes them.

/// What every segment begins with.
const MAGIC: [u8; 8] = *b"mqttjrnl";

/// The format this code writes; older ones are read.
pub(crate) const VERSION: u32 = 1;

/// Bytes of a segment's header, in every version.
pub(crate) const SEGMENT_HEADER: usize = 32;

/// More bytes than any segment has; a larger file is none.
pub(crate) const MAX_SEGMENT: u64 = 512 << 20;

/// The head of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub version: u32,
    /// Ever increasing; the order of segments.
    pub number: u32,
    /// The oldest live segment when this one was begun.
    pub oldest: u32,
    /// The store's own.
    pub salt: u64,
}

impl SegmentHeader {
    pub fn encode(&self) -> [u8; SEGMENT_HEADER] {
        let mut out = Vec::with_capacity(SEGMENT_HEADER);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.oldest.to_le_bytes());
        out.extend_from_slice(&self.salt.to_le_bytes());
        out.extend_from_slice(&checksum(0, &out).to_le_bytes());
        out.try_into().unwrap_or([0; SEGMENT_HEADER])
    }

    /// None unless the bytes begin with a sound header of any version.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let sound = bytes.get(..8)? == MAGIC && u32_at(bytes, 28)? == checksum(0, bytes.get(..28)?);
        let header = Self {
            version: u32_at(bytes, 8)?,
            number: u32_at(bytes, 12)?,
            oldest: u32_at(bytes, 16)?,
            salt: u64_at(bytes, 20)?,
        };
        sound.then_some(header)
    }
}

/// CRC-32 (IEEE) that goes on from `seed`: equal bytes of two segments have different checksums.
pub(crate) fn checksum(seed: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    hasher.update(bytes);
    hasher.finalize()
}

/// More slots than any store has; a file with a larger number is none.
const SLOTS: u32 = 100_000_000;

/// The file with this slot.
pub(crate) fn slot_name(slot: u32) -> String {
    format!("segment-{slot:04}")
}

/// The slot of a file; none where the file is not a segment's.
pub(crate) fn slot_of(name: &str) -> Option<u32> {
    let slot = name.strip_prefix("segment-")?.parse().ok()?;
    (slot_name(slot) == name && slot < SLOTS).then_some(slot)
}

/// Whether this is a damaged segment's copy.
pub(crate) fn is_quarantined(name: &str) -> bool {
    name.starts_with("segment-") && name.contains(".bad-")
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}
