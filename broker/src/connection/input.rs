// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From a socket's bytes to entries into the core: one for each batch of packets.

use std::sync::Arc;

use bytes::BytesMut;
use mqtt_core::{CloseCause, Command, ConnectionId};
use mqtt_proto::{DecodeLimits, Decoder};

use crate::hub::{Hub, Scratch};
use crate::link::{Link, Status};
use crate::lobby::Stay;
use crate::transport::websocket::{Flow, Inbound, close_frame};

/// The receiving side of one connection; holds no memory while nothing is half received.
pub struct Input {
    conn: ConnectionId,
    decoder: Decoder,
    /// MQTT bytes.
    stream: BytesMut,
    websocket: Option<Box<WebSocket>>,
    /// The buffers are those of a scratch, to be given back.
    borrowed: bool,
    /// The last packet that was half received is a long one.
    long: bool,
    /// Bytes the next read asks for.
    appetite: usize,
    /// The stream may hold packets that were not handed over yet.
    waiting: bool,
    /// Nothing that follows could be understood.
    deaf: bool,
    unanswered: Unanswered,
    owed: Owed,
    /// Until the core has let the connection in.
    stay: Option<Stay>,
}

/// What was read since the next frame waits for one and the same commit.
#[derive(Default)]
struct Owed {
    commit: u64,
    bytes: usize,
    packets: usize,
}

/// Bytes read while the peer took none of ours.
#[derive(Default)]
struct Unanswered {
    bytes: usize,
    sent: u64,
}

struct WebSocket {
    inbound: Inbound,
    /// Bytes as they came from the socket.
    raw: BytesMut,
}

impl Input {
    pub fn new(conn: ConnectionId, limits: DecodeLimits, stay: Stay) -> Self {
        Self {
            conn,
            decoder: Decoder::new(limits),
            stream: BytesMut::new(),
            websocket: None,
            borrowed: false,
            long: false,
            appetite: SMALL_READ,
            waiting: false,
            deaf: false,
            unanswered: Unanswered::default(),
            owed: Owed::default(),
            stay: Some(stay),
        }
    }

    /// Takes WebSocket frames from now on; `raw` is what came after the request.
    pub fn upgrade(&mut self, raw: BytesMut) {
        self.websocket = Some(Box::new(WebSocket {
            inbound: Inbound::default(),
            raw,
        }));
    }

    /// Where the next bytes go, and how many are wanted.
    pub fn space(&mut self) -> (&mut BytesMut, usize) {
        let most = match (self.borrowed, self.decoder.lacks(&self.stream)) {
            // After one long packet comes another as a rule: its beginning tells how long.
            (true, _) if self.long => SMALL_READ,
            (true, _) if self.decoder.version().is_some() => LARGE_READ,
            (false, lacks @ 1..) if self.websocket.is_none() => lacks,
            _ => self.appetite,
        };
        let buffer = match &mut self.websocket {
            Some(websocket) => &mut websocket.raw,
            None => &mut self.stream,
        };
        (buffer, most)
    }

    /// Takes the scratch's buffers where nothing is half received; whether it has them now.
    pub fn borrow(&mut self, scratch: &mut Scratch) -> bool {
        let raw = self.websocket.as_mut().map(|websocket| &mut websocket.raw);
        let idle = self.stream.is_empty() && raw.as_ref().is_none_or(|raw| raw.is_empty());
        if self.borrowed && !idle {
            self.give_back(scratch);
        } else if idle && !self.borrowed {
            std::mem::swap(&mut self.stream, &mut scratch.stream);
            if let Some(raw) = raw {
                std::mem::swap(raw, &mut scratch.raw);
            }
            self.borrowed = true;
        }
        self.borrowed
    }

    /// Gives back what belongs to the scratch, and frees what nothing is in.
    pub fn give_back(&mut self, scratch: &mut Scratch) {
        let borrowed = std::mem::take(&mut self.borrowed);
        let plain = self.websocket.is_none();
        let raw = self.websocket.as_mut().map(|websocket| &mut websocket.raw);
        let spare = [&mut scratch.stream, &mut scratch.raw];
        for (own, spare) in [Some(&mut self.stream), raw]
            .into_iter()
            .flatten()
            .zip(spare)
        {
            if borrowed {
                *spare = std::mem::take(own);
                // The rest of a packet takes no more memory than it must.
                if plain && !spare.is_empty() {
                    *own = self.decoder.set_aside(spare);
                    self.long = self.decoder.lacks(own) > 0;
                } else if !spare.is_empty() {
                    own.extend_from_slice(spare);
                }
                spare.clear();
            } else if own.is_empty() {
                *own = BytesMut::new();
            }
        }
    }

    /// Whether reading goes on: not while the core waits for an answer, and not for ever while the peer reads
    /// nothing itself.
    pub fn wants_more(&mut self, link: &Link) -> bool {
        // While a CONNECT is judged reading pauses.
        self.stay
            .take_if(|_| self.decoder.version().is_some() && !link.is(Status::Paused));
        let silenced = link.is(Status::Blocked) && self.unanswered.exceeded(link);
        !self.deaf && !silenced && !link.is(Status::Paused) && !self.is_held_up(link)
    }

    /// Whether packets are left from a batch that was interrupted, and may be handed over now.
    pub fn is_waiting(&mut self, link: &Link) -> bool {
        self.waiting && !link.is(Status::Paused) && !self.is_held_up(link)
    }

    /// Whether the store must write first what was promised: that bounds what a publisher has under way.
    fn is_held_up(&mut self, link: &Link) -> bool {
        if link.promised() == 0 {
            return false;
        }
        let held_up = self.owed.exceeded(link);
        link.hold_up(held_up);
        // It may have been written before that was known.
        held_up && self.owed.exceeded(link)
    }

    /// Notes the size of a read, and says whether the peer sends as fast as it can.
    pub fn count(&mut self, bytes: usize, link: &Link) -> bool {
        self.unanswered.count(bytes, link);
        self.owed.bytes += bytes;
        if bytes >= self.appetite && self.decoder.version().is_some() {
            self.appetite = LARGE_READ;
        } else if bytes < SMALL_READ {
            self.appetite = SMALL_READ;
        }
        bytes >= LARGE_READ
    }

    /// Hands over every packet that is complete, in batches, until the core wants a pause.
    pub fn digest(
        &mut self,
        scratch: &mut Scratch,
        hub: &Arc<Hub>,
        link: &Arc<Link>,
    ) -> Result<(), CloseCause> {
        let unframed = self.unframe(hub, link);
        self.check_in()?;
        self.waiting = true;
        while !self.deaf && self.is_waiting(link) && !link.is(Status::Ended) {
            self.decode(&mut scratch.commands);
            self.owed.packets += scratch.commands.len();
            if !scratch.commands.is_empty() {
                hub.enter_with(scratch);
            }
        }
        self.waiting &= !self.deaf;
        self.long &= !self.borrowed || !self.stream.is_empty();
        unframed
    }

    /// Counts what is there of a CONNECT. [R15]
    fn check_in(&mut self) -> Result<(), CloseCause> {
        let raw = self.websocket.as_ref().map_or(0, |w| w.raw.len());
        match &mut self.stay {
            Some(stay) if self.decoder.version().is_none() => stay.hold(self.stream.len() + raw),
            _ => Ok(()),
        }
    }

    /// Decodes one batch.
    fn decode(&mut self, commands: &mut Vec<Command>) {
        let conn = self.conn;
        while commands.len() < MAX_BATCH {
            match self.decoder.decode(&mut self.stream) {
                Ok(Some(packet)) => commands.push(Command::Packet { conn, packet }),
                Ok(None) => {
                    self.waiting = false;
                    return;
                }
                Err(error) => {
                    let version = self.decoder.version();
                    commands.push(Command::Undecodable {
                        conn,
                        version,
                        error,
                    });
                    self.deaf = true;
                    return;
                }
            }
        }
    }

    /// Moves WebSocket payload to the stream and sends what the protocol answers by itself.
    fn unframe(&mut self, hub: &Arc<Hub>, link: &Arc<Link>) -> Result<(), CloseCause> {
        let Some(WebSocket { inbound, raw }) = self.websocket.as_deref_mut() else {
            return Ok(());
        };
        let mut replies = Vec::new();
        let outcome = match inbound.unframe(raw, &mut self.stream, &mut replies) {
            Ok(Flow::Open) => Ok(()),
            Ok(Flow::Closed) => Err(CloseCause::Peer),
            Err(fault) => {
                replies.extend(close_frame(fault.code()));
                Err(CloseCause::Transport(fault.name()))
            }
        };
        if outcome.is_err() {
            // Nothing follows a close frame.
            link.set(Status::Closing, true);
        }
        if !replies.is_empty() {
            link.writer().backlog.push_bytes(&replies);
            hub.drain(link);
        }
        outcome
    }
}

impl Owed {
    fn exceeded(&mut self, link: &Link) -> bool {
        let commit = link.promised();
        if commit != self.commit {
            *self = Self {
                commit,
                ..Self::default()
            };
        }
        commit != 0 && (self.bytes >= MAX_OWED_BYTES || self.packets >= MAX_OWED_PACKETS)
    }
}

impl Unanswered {
    fn count(&mut self, bytes: usize, link: &Link) {
        self.forgive(link);
        self.bytes += bytes;
    }

    fn exceeded(&mut self, link: &Link) -> bool {
        self.forgive(link);
        self.bytes >= MAX_UNANSWERED
    }

    fn forgive(&mut self, link: &Link) {
        let sent = link.sent();
        if sent != self.sent {
            *self = Self { bytes: 0, sent };
        }
    }
}

/// Packets in one entry, so that no entry holds the core's lock for long.
const MAX_BATCH: usize = 256;
/// Bytes asked for when the last read found few.
const SMALL_READ: usize = 4 * 1024;
/// Bytes asked for when the last read found as many as it asked for.
const LARGE_READ: usize = 64 * 1024;
/// Bytes read from a peer that takes nothing of what it is sent; then it is not read until it does.
const MAX_UNANSWERED: usize = 64 * 1024;
/// Bytes read from a connection while its next frame waits for one commit; then it is not read until that is durable.
const MAX_OWED_BYTES: usize = 256 * 1024;
/// Packets, likewise; the core ends a connection with 10,000 answers that wait.
const MAX_OWED_PACKETS: usize = 4_096;
