// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From the core's queues to the sockets: many frames with one write, by whoever holds the link's turn.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use mqtt_core::{CommitSeq, ConnectionId, Drained, Effects};
use mqtt_proto::Version;
use tokio::sync::watch;
use tungstenite::protocol::frame::coding::CloseCode;

use crate::link::{Link, Status, Writer};
use crate::outgoing::Outgoing;
use crate::transport::{Layer, websocket};

use super::{Hub, Scratch};

/// Connections whose next frame waits until a commit is durable.
#[derive(Default)]
pub struct Parked(BTreeSet<(CommitSeq, ConnectionId)>);

impl Parked {
    /// Moves those whose commit is durable to `conns`.
    fn release(&mut self, durable: CommitSeq, conns: &mut Vec<ConnectionId>) {
        while let Some(first) = self
            .0
            .first()
            .copied()
            .filter(|(commit, _)| *commit <= durable)
        {
            self.0.remove(&first);
            conns.push(first.1);
        }
    }
}

impl Hub {
    /// Sends what the core has for this connection, as far as the socket takes it.
    pub fn drain(self: &Arc<Self>, link: &Link) {
        let mut scratch = self.shelf.take();
        self.drain_with(link, &mut scratch);
        self.settle(&mut scratch);
        self.shelf.give(scratch);
    }

    /// Drains the first `most` connections of the wake list here, and tells how many; the others do it in their
    /// own tasks.
    pub(super) fn drain_woken(&self, scratch: &mut Scratch, most: usize) -> usize {
        let mut links = std::mem::take(&mut scratch.links);
        self.registry
            .find(&mut scratch.effects.wake, most, &mut links);
        let count = links.len();
        for link in links.drain(..) {
            self.drain_with(&link, scratch);
        }
        scratch.links = links;
        count
    }

    fn drain_with(&self, link: &Link, scratch: &mut Scratch) {
        if !link.turn.take() {
            return;
        }
        let held = Held(link);
        loop {
            let mut writer = link.writer();
            if let Err(error) = self.write_out(link, &mut writer, scratch) {
                writer.fault = Some(error.kind());
                writer.backlog = Outgoing::default();
                scratch.outgoing.reset();
                link.set(Status::Broken, true);
            }
            drop(writer);
            if !link.turn.pass() {
                break;
            }
        }
        std::mem::forget(held);
    }

    fn write_out(&self, link: &Link, writer: &mut Writer, scratch: &mut Scratch) -> io::Result<()> {
        if link.is(Status::Broken) || !self.write_backlog(link, writer)? {
            return Ok(());
        }
        let Scratch {
            effects,
            drained,
            outgoing,
            ..
        } = scratch;
        for _ in 0..MAX_ROUNDS {
            if link.is(Status::Closing) {
                return Ok(());
            }
            self.take_frames(link, effects, drained);
            encode(drained, writer.layer, outgoing);
            let everything = outgoing.write_to(&link.sink, |bytes| self.count_sent(link, bytes))?;
            if everything {
                outgoing.reset();
            } else {
                std::mem::swap(&mut writer.backlog, outgoing);
                link.set(Status::Blocked, true);
            }
            link.set(Status::Paused, drained.pause_reading);
            if drained.close {
                link.set(Status::Closing, true);
            }
            if !everything || !drained.more {
                return Ok(());
            }
        }
        link.wake();
        Ok(())
    }

    /// Whether nothing of an earlier round is left.
    fn write_backlog(&self, link: &Link, writer: &mut Writer) -> io::Result<bool> {
        // TLS may have taken everything and not sent it.
        if writer.backlog.is_empty() && !link.is(Status::Blocked) {
            return Ok(true);
        }
        let everything = writer
            .backlog
            .write_to(&link.sink, |bytes| self.count_sent(link, bytes))?;
        if everything {
            writer.backlog = Outgoing::default();
        }
        link.set(Status::Blocked, !everything);
        Ok(everything)
    }

    /// One entry that takes a round of frames out of the core.
    fn take_frames(&self, link: &Link, effects: &mut Effects, drained: &mut Drained) {
        self.visit(effects, |core, now, effects| {
            let durable = core.store.durable();
            core.broker
                .drain(now, link.id, durable, BYTES_PER_ROUND, effects, drained);
            if let Some(commit) = drained.waits_for {
                core.store.want(commit);
                core.parked.0.insert((commit, link.id));
            }
        });
        link.promise(drained.waits_for);
    }

    fn count_sent(&self, link: &Link, bytes: usize) {
        link.count_sent(bytes);
        self.traffic.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Has the store write this commit without further delay.
    pub fn want(&self, commit: CommitSeq) {
        self.lock().store.want(commit);
    }
}

/// Drains connections whose commits have become durable, until the store is gone.
pub async fn follow(hub: Arc<Hub>, mut progress: watch::Receiver<CommitSeq>) {
    while progress.changed().await.is_ok() {
        let durable = *progress.borrow_and_update();
        let mut scratch = hub.shelf.take();
        hub.lock()
            .parked
            .release(durable, &mut scratch.effects.wake);
        hub.settle(&mut scratch);
        hub.shelf.give(scratch);
    }
}

/// Turns a round's frames into bytes; over WebSocket they share one message. [MQTT-6.0.0-2]
fn encode(drained: &mut Drained, layer: Layer, outgoing: &mut Outgoing) {
    // Before CONNECT there are no frames; the version is only a formality then.
    let version = drained.version.unwrap_or(Version::V311);
    for frame in drained.frames.drain(..) {
        outgoing.push_frame(&frame, version);
    }
    match layer {
        Layer::WebSocket => {
            if !outgoing.is_empty() {
                outgoing.push_front(websocket::binary_header(outgoing.len()));
            }
            if drained.close {
                outgoing.push_bytes(&websocket::close_frame(CloseCode::Normal));
            }
        }
        Layer::Http if drained.close => outgoing.push_bytes(websocket::UNAVAILABLE.as_bytes()),
        Layer::Http | Layer::Plain => {}
    }
}

/// The turn in the hands of a thread; a panic leaves the link broken instead of silent.
struct Held<'a>(&'a Link);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.set(Status::Broken, true);
    }
}

/// Rounds for one connection before its own task goes on.
const MAX_ROUNDS: usize = 4;
/// About as many bytes leave the core in one round.
const BYTES_PER_ROUND: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn conn(index: u32) -> ConnectionId {
        ConnectionId {
            index,
            generation: 0,
        }
    }

    #[test]
    fn parked_connections_go_on_when_their_commit_is_durable() {
        let mut parked = Parked(BTreeSet::from([
            (CommitSeq(7), conn(1)),
            (CommitSeq(5), conn(2)),
            (CommitSeq(9), conn(3)),
        ]));
        let mut released = Vec::new();
        parked.release(CommitSeq(4), &mut released);
        assert_eq!(released, []);
        parked.release(CommitSeq(7), &mut released);
        assert_eq!(released, [conn(2), conn(1)]);
    }
}
