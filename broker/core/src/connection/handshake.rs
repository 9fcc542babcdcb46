// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Enhanced authentication of one connection: the method named in CONNECT, and whose turn it is.
//!
//! The same steps serve the login and a re-authentication on the living connection; what a step proves is the
//! driver's business.

use bytes::Bytes;
use bytestring::ByteString;
use mqtt_proto::{Auth, Properties, Property, Reason};

use crate::{Moment, ProtocolFault};

/// A client's authentication by the method of its CONNECT.
///
/// ```text
///  CONNECT ──▶ Broker ──AUTH 0x18──▶ Client ──AUTH 0x18──▶ Broker ──▶ CONNACK
///                                                            │
///  Nobody ──AUTH 0x19──▶ Broker … the same ────────────────▶ AUTH 0x00 ──▶ Nobody
/// ```
pub(crate) struct Handshake {
    pub method: ByteString,
    turn: Turn,
    /// AUTH packets of the client since the exchange began.
    rounds: u8,
    /// When the exchange must have ended.
    pub deadline: Moment,
}

/// Who has to speak next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The driver judges what the client sent.
    Broker,
    Client,
    /// No exchange is under way.
    Nobody,
}

/// What the client said in one step.
pub(crate) struct Step {
    pub data: Bytes,
    /// It begins a re-authentication.
    pub begins: bool,
}

impl Handshake {
    /// The exchange that a CONNECT began.
    pub fn begin(method: ByteString, deadline: Moment) -> Self {
        Self {
            method,
            turn: Turn::Broker,
            rounds: 0,
            deadline,
        }
    }

    /// Takes an AUTH of the client, or says what is wrong with it; `deadline` is that of an exchange begun now.
    pub fn take(&mut self, auth: &Auth, deadline: Moment) -> Result<Step, ProtocolFault> {
        let method = auth.properties.authentication_method();
        if method.is_none() {
            return Err(ProtocolFault::AuthWithoutMethod);
        }
        if method != Some(&self.method) {
            return Err(ProtocolFault::OtherMethod); // [MQTT-4.12.0-5] [MQTT-4.12.1-1]
        }
        let begins = match (self.turn, auth.reason) {
            (Turn::Client, Reason::ContinueAuthentication) => false, // [MQTT-4.12.0-3]
            (Turn::Nobody, Reason::ReAuthenticate) => true,
            _ => return Err(ProtocolFault::AuthOutOfTurn),
        };
        if begins {
            self.rounds = 0;
            self.deadline = deadline;
        }
        self.rounds += 1;
        if self.rounds > MAX_ROUNDS {
            return Err(ProtocolFault::TooManyRounds);
        }
        self.turn = Turn::Broker;
        let data = data(&auth.properties)?;
        Ok(Step { data, begins })
    }

    /// The AUTH that asks the client for more. [MQTT-4.12.0-2]
    pub fn challenge(&mut self, data: Bytes) -> Auth {
        self.turn = Turn::Client;
        self.auth(Reason::ContinueAuthentication, data)
    }

    /// The AUTH that ends a re-authentication well.
    pub fn success(&mut self, data: Bytes) -> Auth {
        self.turn = Turn::Nobody;
        self.auth(Reason::Success, data)
    }

    /// The login has ended well.
    pub fn rest(&mut self) {
        self.turn = Turn::Nobody;
    }

    pub fn is_judged(&self) -> bool {
        self.turn == Turn::Broker
    }

    /// Whether an exchange is under way.
    pub fn is_open(&self) -> bool {
        self.turn != Turn::Nobody
    }

    fn auth(&self, reason: Reason, data: Bytes) -> Auth {
        let mut properties =
            Properties::from_iter([Property::AuthenticationMethod(self.method.clone())]);
        if !data.is_empty() {
            properties.push(Property::AuthenticationData(data));
        }
        Auth { reason, properties }
    }
}

/// The authentication data of a packet, empty where there is none.
pub(crate) fn data(properties: &Properties) -> Result<Bytes, ProtocolFault> {
    let data = properties
        .authentication_data()
        .cloned()
        .unwrap_or_default();
    if data.len() > MAX_DATA {
        return Err(ProtocolFault::AuthenticationDataTooLong);
    }
    Ok(data)
}

/// AUTH packets of a client in one exchange; one more ends the connection (0x82).
const MAX_ROUNDS: u8 = 8;
/// Bytes of authentication data in one packet; more end the connection (0x83).
const MAX_DATA: usize = 4_096;
