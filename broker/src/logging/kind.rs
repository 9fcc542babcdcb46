// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The kinds of log entry: how urgent each is, and the MESSAGE_ID by which a program finds it in the journal.

use log::Level;

/// One row of the table; `journalctl MESSAGE_ID=…` finds the entries of a kind.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    pub level: Level,
    /// 128 random bits in hexadecimal, never changed once released.
    pub message_id: &'static str,
}

impl Kind {
    /// A step of the broker itself.
    pub const STEP: Self = Self::new(Level::Info, "1b2a5d67d19946dfa5e5e5a472c6f230");
    /// Something of the broker itself that a person should look at.
    pub const WARNING: Self = Self::new(Level::Warn, "b21077418fb2443582d1628f607e4be1");
    /// What keeps the broker from doing its work.
    pub const FAILURE: Self = Self::new(Level::Error, "754d5cd822de4392a05ad4912224de99");
    /// Lines lost because the log could not be written as fast as they came.
    pub const LINES_DROPPED: Self = Self::new(Level::Warn, "7050360eefcd476fa9e776f1771f9dcb");
    /// Lines about one client beyond what is shown in a second.
    pub const LINES_HELD_BACK: Self = Self::new(Level::Warn, "4ef8b5662a1b433fa29e419feaa2f6e6");
    /// A connection was accepted; nothing is known of the client yet.
    pub const CONNECTION_OPENED: Self = Self::new(Level::Debug, "d9fef23b84e54ccaac51bcc753f4b3ca");
    pub const CONNECTION_LIMIT: Self = Self::new(Level::Warn, "447fc79a6cf1474b8a29964e056bd0ac");
    pub const CLIENT_CONNECTED: Self = Self::new(Level::Info, "0ede60738d2a4f1eb6eacae9159415b5");
    /// DISCONNECT was received.
    pub const CLIENT_DISCONNECTED: Self =
        Self::new(Level::Info, "6be039bb5f014aedb6b56844c80bb654");
    /// The connection ended without DISCONNECT.
    pub const CONNECTION_LOST: Self = Self::new(Level::Info, "efc99fd977a246b0aa930d66285806a2");
    pub const CLIENT_TIMED_OUT: Self = Self::new(Level::Info, "7b06e046813d44169bace1db2798883e");
    /// Another connection took over the client identifier.
    pub const CLIENT_TAKEN_OVER: Self = Self::new(Level::Info, "8fbc8f7a8e434388a696c1d3c9d937e7");
    /// A login was refused.
    pub const CLIENT_REFUSED: Self = Self::new(Level::Warn, "39b078a1ec9a45d89fa4a7f39f5e730d");
    /// The client broke the rules of MQTT or of a layer below.
    pub const CLIENT_FAULT: Self = Self::new(Level::Warn, "1b2952e8f53e4c72873fbb1d42ae6fb3");
    /// The broker ended the connection because it stops.
    pub const CLIENT_SHUT_DOWN: Self = Self::new(Level::Info, "33f5c69c1eec4553bec76811ca65a8c3");
    pub const SESSION_EXPIRED: Self = Self::new(Level::Info, "623030e53f6f4d0d8ead7d40bab249fc");
    pub const MESSAGES_DROPPED: Self = Self::new(Level::Warn, "579d801ada5b4e83a6e81219e06e4804");
    pub const PUBLISH_DENIED: Self = Self::new(Level::Warn, "0313b24ab117402483266f5d5d58e9c9");
    pub const SUBSCRIBE_DENIED: Self = Self::new(Level::Warn, "b00046d6e24b4af49dd01754229db924");

    const fn new(level: Level, message_id: &'static str) -> Self {
        Self { level, message_id }
    }
}
