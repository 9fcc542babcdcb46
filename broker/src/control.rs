// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The control socket: one JSON line asks, one JSON line answers.
//!
//! Whoever may open the socket (root and the group of the daemon) may ask; nothing secret is answered.

pub mod client;
pub mod protocol;
mod snapshot;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::hub::Hub;
use crate::listener::Listeners;
use crate::reload::Reloader;
use crate::storage::Handle;
use protocol::{Action, Answer, Body, MAX_REQUEST, Reload, Request, VERSION};

/// The parts of the daemon that answer.
#[derive(Clone)]
pub struct Control {
    pub hub: Arc<Hub>,
    pub listeners: Arc<Listeners>,
    pub reloader: Arc<Reloader>,
    pub store: Handle,
}

impl Control {
    /// Answers until aborted; at most eight clients at a time, more wait to be accepted.
    pub async fn serve(self, socket: UnixListener) {
        let places = Arc::new(Semaphore::new(MAX_CLIENTS));
        // The semaphore is never closed.
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            match socket.accept().await {
                Ok((stream, _)) => {
                    let control = self.clone();
                    tokio::spawn(async move {
                        let _place = place;
                        control.converse(stream).await;
                    });
                }
                // Out of descriptors, most likely.
                Err(_) => sleep(ACCEPT_RETRY).await,
            }
        }
    }

    /// Answers line after line until the client leaves, is silent for too long, or fails.
    async fn converse(&self, stream: UnixStream) {
        let (read, mut write) = stream.into_split();
        let mut read = BufReader::new(read);
        while let Ok(Ok(line)) = timeout(PATIENCE, Line::next(&mut read)).await {
            let (body, goes_on) = match line {
                Line::Whole(line) => (self.answer(&line).await, true),
                Line::TooLong => (
                    Body::Error(format!("a request has at most {MAX_REQUEST} bytes")),
                    false,
                ),
                Line::End => return,
            };
            let sent = timeout(PATIENCE, send(&mut write, body)).await;
            if !goes_on || !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
    }

    async fn answer(&self, line: &[u8]) -> Body {
        let request: Request = match serde_json::from_slice(line) {
            Ok(request) => request,
            Err(error) => return Body::Error(format!("not a request: {error}")),
        };
        match request {
            Request {
                v: VERSION,
                action: Action::Status,
            } => Body::Status(Box::new(snapshot::take(
                &self.hub,
                &self.listeners,
                &self.reloader,
                &self.store.report(),
            ))),
            Request {
                v: VERSION,
                action: Action::Reload,
            } => {
                let outcome = self.reloader.reload().await;
                Body::Reload(Reload {
                    accepted: outcome.accepted,
                    lines: outcome.lines,
                })
            }
            Request { v, .. } => {
                Body::Error(format!("version {v} is not spoken here, only {VERSION}"))
            }
        }
    }
}

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Whole(Vec<u8>),
    TooLong,
    End,
}

impl Line {
    async fn next(read: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<Self> {
        let mut line = Vec::new();
        // One byte more than allowed, so that a longer line shows.
        let limit = u64::try_from(MAX_REQUEST + 1).unwrap_or(u64::MAX);
        read.take(limit).read_until(b'\n', &mut line).await?;
        Ok(match line.len() {
            0 => Self::End,
            length if length > MAX_REQUEST => Self::TooLong,
            _ => Self::Whole(line),
        })
    }
}

async fn send(write: &mut (impl AsyncWriteExt + Unpin), body: Body) -> io::Result<()> {
    let mut line = serde_json::to_vec(&Answer { v: VERSION, body })?;
    line.push(b'\n');
    write.write_all(&line).await
}

const MAX_CLIENTS: usize = 8;
/// For a request to arrive and for an answer to be taken.
const PATIENCE: Duration = Duration::from_secs(5);
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app;
    use crate::auth::Authenticator;
    use crate::dialogue::Forgetful;
    use crate::logging::Log;
    use crate::storage::{Clock, Handle};
    use crate::supervisor::Supervisor;

    #[tokio::test]
    async fn a_request_is_one_line_of_bounded_length() {
        let long = vec![b'x'; MAX_REQUEST + 1];
        let full = vec![b'x'; MAX_REQUEST];
        let cases = [
            (Vec::new(), Line::End),
            (b"{}\n{}\n".to_vec(), Line::Whole(b"{}\n".to_vec())),
            (b"{}".to_vec(), Line::Whole(b"{}".to_vec())),
            (full.clone(), Line::Whole(full)),
            (long, Line::TooLong),
        ];
        for (bytes, expected) in cases {
            let line = Line::next(&mut BufReader::new(bytes.as_slice()))
                .await
                .unwrap();
            assert_eq!(line, expected);
        }
    }

    #[tokio::test]
    async fn each_request_has_one_answer() {
        let log = Log::silent();
        let authenticator = Authenticator::new(None, log.clone());
        let store = Box::new(Forgetful::default());
        let hub = Hub::new(
            app::params(&Default::default()),
            store,
            Clock::new(),
            log.clone(),
            authenticator.clone(),
        );
        let listeners = Listeners::new(hub.clone(), Supervisor::new().0, log.clone());
        let file = "/nonexistent/broker.toml".into();
        let reloader = Reloader::new(
            file,
            authenticator,
            listeners.clone(),
            hub.clone(),
            Handle::idle(),
            log,
        );
        let control = Control {
            hub,
            listeners,
            reloader,
            store: Handle::idle(),
        };
        let cases = [
            (
                r#"{"v":1,"do":"reload"}"#,
                r#"{"reload":{"accepted":false,"lines":["/nonexistent"#,
            ),
            (r#"{"v":1,"do":"status"}"#, r#"{"status":{"version":""#),
            (
                r#"{"v":2,"do":"status"}"#,
                r#"{"error":"version 2 is not spoken here, only 1"}"#,
            ),
            (r#"{"v":1,"do":"dance"}"#, r#"{"error":"not a request: "#),
            ("GET / HTTP/1.1", r#"{"error":"not a request: "#),
        ];
        for (request, expected) in cases {
            let answer = serde_json::to_string(&control.answer(request.as_bytes()).await).unwrap();
            assert!(
                answer.starts_with(expected),
                "{request} was answered with {answer}"
            );
        }
    }
}
