// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The receiver's half of QoS 2: packet identifiers between PUBLISH and PUBREL.

use mqtt_proto::PacketId;

/// QoS 2 messages received and not yet released; at most 65,535 by their type.
#[derive(Default)]
pub(crate) struct Inbound {
    /// In the order of their identifiers; none is empty.
    pages: Vec<Page>,
}

/// One bit for each of 256 identifiers that follow each other.
struct Page {
    number: u8,
    bits: [u64; 4],
}

impl Inbound {
    /// False when this is the same message again, which must not be published twice. [MQTT-4.3.3-2]
    pub fn receive(&mut self, packet_id: PacketId) -> bool {
        let (number, word, bit) = place(packet_id);
        let index = match self.pages.binary_search_by_key(&number, |page| page.number) {
            Ok(index) => index,
            Err(index) => {
                let bits = [0; 4];
                self.pages.insert(index, Page { number, bits });
                index
            }
        };
        let page = self.pages.get_mut(index);
        let Some(word) = page.and_then(|page| page.bits.get_mut(word)) else {
            return false;
        };
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// False when no such message was received.
    pub fn release(&mut self, packet_id: PacketId) -> bool {
        let (number, word, bit) = place(packet_id);
        let Ok(index) = self.pages.binary_search_by_key(&number, |page| page.number) else {
            return false;
        };
        let Some(page) = self.pages.get_mut(index) else {
            return false;
        };
        let Some(word) = page.bits.get_mut(word) else {
            return false;
        };
        let known = *word & bit != 0;
        *word &= !bit;
        if page.bits == [0; 4] {
            self.pages.remove(index);
        }
        known
    }

    pub fn iter(&self) -> impl Iterator<Item = PacketId> {
        self.pages.iter().flat_map(|page| {
            let identifiers = (0..=u8::MAX).map(|low| u16::from_be_bytes([page.number, low]));
            let received = move |id: &PacketId| {
                let (_, word, bit) = place(*id);
                page.bits.get(word).is_some_and(|word| word & bit != 0)
            };
            identifiers.filter_map(PacketId::new).filter(received)
        })
    }

    pub fn holds(&self, packet_id: PacketId) -> bool {
        let (number, word, bit) = place(packet_id);
        let found = self.pages.binary_search_by_key(&number, |page| page.number);
        let page = found.ok().and_then(|index| self.pages.get(index));
        page.and_then(|page| page.bits.get(word))
            .is_some_and(|word| word & bit != 0)
    }
}

/// The page of an identifier, the word there and its bit in that.
fn place(packet_id: PacketId) -> (u8, usize, u64) {
    let [number, low] = packet_id.get().to_be_bytes();
    (number, usize::from(low >> 6), 1 << (low & 0x3F))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u16) -> PacketId {
        PacketId::new(number).unwrap()
    }

    #[test]
    fn identifiers_are_held_from_receipt_to_release() {
        let mut inbound = Inbound::default();
        let all = [1, 63, 64, 255, 256, 40_000, 65_535].map(id);
        for packet_id in all.into_iter().rev() {
            assert!(inbound.receive(packet_id) && inbound.holds(packet_id));
            assert!(!inbound.receive(packet_id), "the same message again");
        }
        assert!(inbound.iter().eq(all));
        for packet_id in all {
            assert!(inbound.release(packet_id) && !inbound.holds(packet_id));
            assert!(!inbound.release(packet_id));
        }
        assert_eq!((inbound.iter().count(), inbound.pages.len()), (0, 0));
    }
}
