// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which peers subscribed to which topic, letter for letter.

use std::collections::HashMap;

#[derive(Default)]
pub struct Routes {
    numbers: HashMap<Vec<u8>, usize>,
    /// By number: the topic and its receivers; once there, it stays there.
    topics: Vec<(Vec<u8>, Vec<usize>)>,
}

impl Routes {
    pub fn subscribe(&mut self, topic: &[u8], peer: usize) {
        let next = self.topics.len();
        let number = *self.numbers.entry(topic.to_vec()).or_insert(next);
        if number == next {
            self.topics.push((topic.to_vec(), Vec::new()));
        }
        self.topics[number].1.push(peer);
    }

    pub fn remove(&mut self, peer: usize) {
        for (_, receivers) in &mut self.topics {
            receivers.retain(|receiver| *receiver != peer);
        }
    }

    /// Who gets a message; `last` is the number of the topic that its publisher used before, and is kept up to date.
    pub fn receivers(&self, topic: &[u8], last: &mut usize) -> &[usize] {
        if self.topics.get(*last).is_none_or(|(name, _)| name != topic) {
            let Some(number) = self.numbers.get(topic) else {
                return &[];
            };
            *last = *number;
        }
        &self.topics[*last].1
    }
}

/// The string at the begin of `bytes`, and what follows it.
pub fn topic(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}
