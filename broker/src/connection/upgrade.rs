// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From an HTTP request to a WebSocket.

use bytes::{Buf, BytesMut};
use mqtt_core::CloseCause;
use tokio::time::timeout;

use crate::link::Status;
use crate::transport::Layer;
use crate::transport::websocket::{Answer, TIMED_OUT, answer};

use super::Connection;

impl Connection {
    /// Answers the request; whoever does not ask for MQTT over WebSocket is told so and closed.
    pub(super) async fn upgrade(&mut self) -> Result<(), CloseCause> {
        let mut raw = BytesMut::new();
        // Shorter than the core's patience for CONNECT, whose end could not be told in HTTP's words.
        let patience = self.hub.connect_timeout() * 9 / 10;
        match timeout(patience, self.read_request(&mut raw)).await {
            Ok(Ok(())) => {
                self.input.upgrade(raw);
                Ok(())
            }
            Ok(refused) => refused,
            Err(_) => self.refuse(TIMED_OUT, NO_REQUEST).await,
        }
    }

    async fn read_request(&mut self, raw: &mut BytesMut) -> Result<(), CloseCause> {
        while !self.link.is(Status::Ended) {
            tokio::select! {
                () = self.link.woken() => self.hub.drain(&self.link),
                read = self.source.read(raw, READ) => {
                    self.received(read)?;
                    match answer(raw) {
                        Answer::Wait => {}
                        Answer::Welcome { request, response } => {
                            raw.advance(request);
                            self.welcome(&response);
                            return Ok(());
                        }
                        Answer::Refuse { response, why } => return self.refuse(response, why).await,
                    }
                }
            }
        }
        Ok(())
    }

    fn welcome(&self, response: &[u8]) {
        let mut writer = self.link.writer();
        writer.backlog.push_bytes(response);
        writer.layer = Layer::WebSocket;
        drop(writer);
        self.hub.drain(&self.link);
    }

    async fn refuse(&self, response: &str, why: &'static str) -> Result<(), CloseCause> {
        // Nothing of the core's follows the answer.
        self.link.set(Status::Closing, true);
        self.send(response.as_bytes());
        self.flush().await;
        Err(CloseCause::Transport(why))
    }
}

const NO_REQUEST: &str = "no whole WebSocket request in the time that connect_timeout leaves";
/// Bytes asked for at a time.
const READ: usize = 2 * 1024;
