// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The kinds of log entry: how urgent each is, and the MESSAGE_ID by which a program finds it in the journal.
//!
//! `docs/log.md` shows the same table; a test compares the two.

use log::Level;

/// One row of the table; `journalctl MESSAGE_ID=…` finds the entries of a kind.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    pub level: Level,
    /// 128 random bits in hexadecimal, never changed once released.
    pub message_id: &'static str,
    #[cfg(test)]
    meaning: &'static str,
}

macro_rules! kinds {
    ($($name:ident: $level:ident, $message_id:literal, $meaning:literal;)*) => {
        impl Kind {
            $(
                #[doc = $meaning]
                pub const $name: Self = Self {
                    level: Level::$level,
                    message_id: $message_id,
                    #[cfg(test)]
                    meaning: $meaning,
                };
            )*

            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

kinds! {
    STEP: Info, "1b2a5d67d19946dfa5e5e5a472c6f230",
        "A step of the broker itself, such as a reload.";
    WARNING: Warn, "b21077418fb2443582d1628f607e4be1",
        "Something about the broker itself that a person should look at.";
    FAILURE: Error, "754d5cd822de4392a05ad4912224de99",
        "What keeps the broker from doing its work.";
    LINES_DROPPED: Warn, "7050360eefcd476fa9e776f1771f9dcb",
        "Lines were lost because the log could not be written as fast as they came.";
    LINES_HELD_BACK: Warn, "4ef8b5662a1b433fa29e419feaa2f6e6",
        "More lines about one client or address than are shown in a second.";
    CONNECTION_OPENED: Debug, "d9fef23b84e54ccaac51bcc753f4b3ca",
        "A connection was accepted; nothing is known of the client yet.";
    CONNECTION_LIMIT: Warn, "447fc79a6cf1474b8a29964e056bd0ac",
        "A connection was refused because there are too many.";
    CLIENT_CONNECTED: Info, "0ede60738d2a4f1eb6eacae9159415b5",
        "A client logged in.";
    KEEPALIVE_ABOVE_LIMIT: Info, "0886e8df57c74937a9f1ed42819b65ac",
        "A client of MQTT 3 keeps a longer keep alive than `max_keepalive`.";
    CLIENT_REAUTHENTICATED: Info, "b47d658c32234f3ea8ed5610f3094469",
        "A connected client proved again who it is.";
    CLIENT_DISCONNECTED: Info, "6be039bb5f014aedb6b56844c80bb654",
        "A client said goodbye.";
    CONNECTION_LOST: Info, "efc99fd977a246b0aa930d66285806a2",
        "A connection ended without a goodbye.";
    CLIENT_TIMED_OUT: Info, "7b06e046813d44169bace1db2798883e",
        "Nothing came from a client for one and a half times its keep alive.";
    CLIENT_TAKEN_OVER: Info, "8fbc8f7a8e434388a696c1d3c9d937e7",
        "Another connection took over the client identifier.";
    CLIENT_ID_SHARED: Warn, "b20de6cca2cb498f95d6a5574dbd60ce",
        "Several clients take one client identifier from each other.";
    CLIENT_REFUSED: Warn, "39b078a1ec9a45d89fa4a7f39f5e730d",
        "A login was refused.";
    CLIENT_FAULT: Warn, "1b2952e8f53e4c72873fbb1d42ae6fb3",
        "A client broke the rules of MQTT or of a layer below.";
    CLIENT_SHUT_DOWN: Info, "33f5c69c1eec4553bec76811ca65a8c3",
        "The broker ended a connection because it stops.";
    SESSION_EXPIRED: Info, "623030e53f6f4d0d8ead7d40bab249fc",
        "The session of a client that stayed away was removed.";
    MESSAGES_DROPPED: Warn, "579d801ada5b4e83a6e81219e06e4804",
        "The queue of a client is full; further messages for it are lost.";
    DROPPING_ENDED: Info, "2e054f70c09940908a5f734535b00d80",
        "The queue of a client is empty again, after messages for it were lost.";
    CLIENT_TOO_FAST: Warn, "76c92f15d4b1652000f5ca1f4d1e7c23",
        "A client publishes faster than it may; reading from it pauses.";
    PUBLISH_DENIED: Warn, "0313b24ab117402483266f5d5d58e9c9",
        "A message was not accepted from a client.";
    SUBSCRIBE_DENIED: Warn, "b00046d6e24b4af49dd01754229db924",
        "A subscription was refused.";
    DELIVERY_DENIED: Info, "0f3c1b9784053aabbe2dd5ef07a279e9",
        "A message was not delivered because its receiver may not read the topic.";
    UNSTORED: Warn, "29fd7b896e7f40119bd623e7d41b45e1",
        "Something of a client was refused, or only delivered, because the store takes nothing new.";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn row(kind: &Kind) -> String {
        let priority = match kind.level {
            Level::Error => "3 error",
            Level::Warn => "4 warning",
            Level::Info => "5 notice",
            Level::Debug => "6 info",
            Level::Trace => "7 debug",
        };
        format!(
            "| `{}` | {priority} | {} |\n",
            kind.message_id, kind.meaning
        )
    }

    #[test]
    fn the_manual_shows_this_table() {
        let manual = include_str!("../../../docs/log.md");
        let table: String = Kind::ALL.iter().map(row).collect();
        assert!(
            manual.contains(&table),
            "docs/log.md must contain:\n{table}"
        );
    }

    #[test]
    fn every_message_id_is_a_128_bit_number_of_its_own() {
        let ids: HashSet<&str> = Kind::ALL.iter().map(|kind| kind.message_id).collect();
        assert_eq!(ids.len(), Kind::ALL.len());
        for id in ids {
            assert!(
                id.len() == 32 && u128::from_str_radix(id, 16).is_ok(),
                "{id}"
            );
        }
    }
}
