// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The TLS handshake of a connection the core knows already, so that its limits and deadlines hold from the first byte.

use std::io;

use mqtt_core::{CloseCause, Command};
use tokio::time::timeout;

use super::{Connection, failure};
use crate::link::Status;
use crate::tls::{common_name, not_tls};
use crate::transport::TlsStream;

impl Connection {
    /// Makes the handshake; false if the core has ended the connection meanwhile.
    pub(super) async fn secure(&mut self, stream: &TlsStream) -> Result<bool, CloseCause> {
        // Shorter than the core's patience for CONNECT, whose end would not say what was missing.
        let patience = self.hub.connect_timeout() * 9 / 10;
        match timeout(patience, self.shake_hands(stream)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(CloseCause::Transport(UNFINISHED)),
        }
    }

    async fn shake_hands(&self, stream: &TlsStream) -> Result<bool, CloseCause> {
        let mut begun = false;
        while ![Status::Ended, Status::Closing, Status::Broken]
            .iter()
            .any(|status| self.link.is(*status))
        {
            tokio::select! {
                () = self.link.woken() => self.hub.drain(&self.link),
                first = stream.first_byte(), if !begun => {
                    begin(first)?;
                    begun = true;
                }
                step = stream.shake_hands(), if begun => {
                    if step.map_err(|error| unfinished(&error))? {
                        self.identify(stream)?;
                        return Ok(true);
                    }
                    // The connections that are open already come first.
                    tokio::task::yield_now().await;
                }
            }
        }
        Ok(false)
    }

    /// Tells the core the name in the client's certificate where the listener takes user names from there.
    fn identify(&self, stream: &TlsStream) -> Result<(), CloseCause> {
        if !stream.offer().identifies {
            return Ok(());
        }
        let certificate = stream.peer_certificate();
        let name = certificate.and_then(|certificate| common_name(&certificate));
        let identity = name.ok_or(CloseCause::Transport(NO_NAME))?.into();
        let conn = self.link.id;
        self.hub
            .enter(&mut vec![Command::Identified { conn, identity }]);
        Ok(())
    }
}

/// Judges the first byte.
fn begin(first: io::Result<Option<u8>>) -> Result<(), CloseCause> {
    let first = first.map_err(|error| failure(&error))?;
    let first = first.ok_or(CloseCause::Peer)?;
    not_tls(first).map_or(Ok(()), |fault| Err(CloseCause::Transport(fault)))
}

fn unfinished(error: &io::Error) -> CloseCause {
    match failure(error) {
        CloseCause::Peer => CloseCause::Transport(HUNG_UP),
        cause => cause,
    }
}

const UNFINISHED: &str =
    "the TLS handshake was not finished in the time that connect_timeout leaves";
const HUNG_UP: &str = "the client closed the connection during the TLS handshake";
const NO_NAME: &str = "the client's certificate has no common name (CN) that a user may have";
