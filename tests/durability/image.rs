// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The contents of a disk in memory, the log of what was written and flushed, and what a power cut leaves of it.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use ::tests::Random;

/// A disk; clones share the blocks that neither has changed.
#[derive(Clone)]
pub struct Image {
    blocks: HashMap<u64, Arc<[u8; BLOCK]>>,
    pub size: u64,
}

/// One entry of the log.
pub enum Entry {
    Write {
        offset: u64,
        data: Vec<u8>,
    },
    /// What was written before it is on the medium.
    Flush,
}

impl Image {
    /// A disk with this content; blocks of zeros take no memory.
    pub fn new(content: &[u8]) -> Self {
        let mut image = Self {
            blocks: HashMap::new(),
            size: content.len() as u64,
        };
        for (number, block) in (0..).zip(content.chunks(BLOCK)) {
            if block.iter().any(|byte| *byte != 0) {
                image.write(number * BLOCK as u64, block);
            }
        }
        image
    }

    pub fn read(&self, offset: u64, length: usize) -> Vec<u8> {
        let mut data = vec![0; length];
        for (number, within, range) in pieces(offset, length) {
            if let Some(block) = self.blocks.get(&number) {
                let source = &block[within..within + range.len()];
                data[range].copy_from_slice(source);
            }
        }
        data
    }

    /// Writes it to a file, with holes for what was never written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let file = File::create(path)?;
        file.set_len(self.size)?;
        for (number, block) in &self.blocks {
            file.write_all_at(block.as_slice(), number * BLOCK as u64)?;
        }
        Ok(())
    }

    pub fn write(&mut self, offset: u64, data: &[u8]) {
        for (number, within, range) in pieces(offset, data.len()) {
            let block = self.blocks.entry(number);
            let block = Arc::make_mut(block.or_insert_with(|| Arc::new([0; BLOCK])));
            block[within..within + range.len()].copy_from_slice(&data[range]);
        }
    }
}

/// The blocks that a range of bytes touches: number, offset within it, and the part of the range.
fn pieces(
    offset: u64,
    length: usize,
) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let within = (at % BLOCK as u64) as usize;
        let part = (BLOCK - within).min(length - done);
        let range = done..done + part;
        done += part;
        (part > 0).then_some((at / BLOCK as u64, within, range))
    })
}

/// Cuts the power at growing positions of one log.
pub struct Cutter<'a> {
    log: &'a [Entry],
    /// What the medium holds at `flushed`.
    settled: Image,
    flushed: usize,
}

impl<'a> Cutter<'a> {
    pub fn new(start: Image, log: &'a [Entry]) -> Self {
        Self {
            log,
            settled: start,
            flushed: 0,
        }
    }

    /// The disk after a cut behind `position` entries: all before the last flush is there; each later write is kept (half
    /// of them), torn at sectors or lost (a quarter each).
    pub fn cut(&mut self, position: usize, random: &mut Random) -> Image {
        let open = &self.log[self.flushed..position];
        let flush = open.iter().rposition(|entry| matches!(entry, Entry::Flush));
        let flushed = self.flushed + flush.map_or(0, |index| index + 1);
        for entry in &self.log[self.flushed..flushed] {
            if let Entry::Write { offset, data } = entry {
                self.settled.write(*offset, data);
            }
        }
        self.flushed = flushed;
        let mut image = self.settled.clone();
        for entry in &self.log[flushed..position] {
            let Entry::Write { offset, data } = entry else {
                continue;
            };
            match random.below(4) {
                0 => {}
                1 => tear(&mut image, *offset, data, random),
                _ => image.write(*offset, data),
            }
        }
        image
    }
}

/// Writes the first sectors only, or any choice of them.
fn tear(image: &mut Image, offset: u64, data: &[u8], random: &mut Random) {
    let sectors = data.len().div_ceil(SECTOR);
    let first = random.below(sectors + 1);
    let prefix = random.chance(50);
    for (number, sector) in data.chunks(SECTOR).enumerate() {
        if if prefix {
            number < first
        } else {
            random.chance(50)
        } {
            image.write(offset + (number * SECTOR) as u64, sector);
        }
    }
}

const BLOCK: usize = 4096;
const SECTOR: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn write(offset: u64, byte: u8) -> Entry {
        let data = vec![byte; 3 * SECTOR];
        Entry::Write { offset, data }
    }

    #[test]
    fn a_range_across_blocks_is_read_as_it_was_written() {
        let mut image = Image::new(&[0; 4 * BLOCK]);
        let data: Vec<u8> = (0..2 * BLOCK).map(|n| (n % 251) as u8).collect();
        image.write(BLOCK as u64 - 7, &data);
        assert_eq!(image.read(BLOCK as u64 - 7, data.len()), data);
        assert_eq!(image.read(0, BLOCK - 7), vec![0; BLOCK - 7]);
    }

    #[test]
    fn a_cut_keeps_what_was_flushed_and_tears_only_at_sectors() {
        let log = [write(0, 1), Entry::Flush, write(0, 2), write(8192, 3)];
        for seed in 0..200 {
            let mut cutter = Cutter::new(Image::new(&[0; 4 * BLOCK]), &log);
            let random = &mut Random::new(seed);
            let early = cutter.cut(2, random);
            assert_eq!(early.read(0, 3 * SECTOR), [1; 3 * SECTOR]);
            let late = cutter.cut(4, random);
            for (offset, values) in [(0, [1, 2]), (8192, [0, 3])] {
                for sector in late.read(offset, 3 * SECTOR).chunks(SECTOR) {
                    assert!(values.contains(&sector[0]));
                    assert!(sector.iter().all(|byte| *byte == sector[0]));
                }
            }
        }
    }
}
