// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From the core's queues to the sockets: many frames with one write, by whoever holds the link's turn.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use mqtt_core::{CommitSeq, ConnectionId, Drained, Effects, Moment};
use tokio::sync::watch;
use tungstenite::protocol::frame::coding::CloseCode;

use crate::link::{Held, Link, Status, Writer};
use crate::outgoing::Outgoing;
use crate::transport::{Layer, websocket};

use super::scratch::{Round, Scratch};
use super::stay::Core;
use super::{Hub, MAX_INLINE};

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

impl Core {
    /// Takes out what the first connections of the wake list have to send, as long as that is little.
    pub(super) fn gather(&mut self, now: Moment, scratch: &mut Scratch) {
        self.conclude(scratch);
        let mut links = std::mem::take(&mut scratch.links);
        let mut rounds = std::mem::take(&mut scratch.rounds);
        let mut waiting = links.drain(..);
        let (mut used, mut bytes) = (0, 0);
        while used < MAX_INLINE && bytes < MAX_GATHERED {
            let Some(link) = waiting.next() else { break };
            let Some(held) = Held::take(link) else {
                continue;
            };
            if used == rounds.len() {
                rounds.push(Round::default());
            }
            let round = &mut rounds[used];
            round.taken = !held
                .link()
                .is_any(&[Status::Blocked, Status::Closing, Status::Broken]);
            if round.taken {
                self.take_frames(now, held.link(), &mut scratch.effects, &mut round.drained);
                bytes += round.drained.chunks.len();
            }
            round.held = Some(held);
            used += 1;
        }
        scratch.rounds = rounds;
        scratch.links.extend(waiting);
        if scratch.links.is_empty() {
            scratch.links = links;
        }
    }

    /// Takes a round of frames out of the broker.
    fn take_frames(
        &mut self,
        now: Moment,
        link: &Link,
        effects: &mut Effects,
        drained: &mut Drained,
    ) {
        let durable = self.store.durable();
        self.broker
            .drain(now, link.id, durable, BYTES_PER_ROUND, effects, drained);
        if let Some(commit) = drained.waits_for {
            self.store.want(commit);
            self.parked.0.insert((commit, link.id));
        }
    }
}

impl Hub {
    /// Sends what the core has for this connection, as far as the socket takes it.
    pub fn drain(self: &Arc<Self>, link: &Arc<Link>) {
        let mut scratch = self.scratch();
        self.drain_with(link, &mut scratch);
        self.put_back(scratch);
    }

    /// The same with memory to work with.
    pub fn drain_with(self: &Arc<Self>, link: &Arc<Link>, scratch: &mut Scratch) {
        self.drain_one(link.clone(), scratch);
        self.settle(scratch);
    }

    /// Sends what was gathered, and tells for how many connections.
    pub(super) fn send_gathered(&self, scratch: &mut Scratch) -> usize {
        let mut rounds = std::mem::take(&mut scratch.rounds);
        let mut count = 0;
        for round in &mut rounds {
            let Some(held) = round.held.take() else { break };
            self.send(held, round, scratch);
            count += 1;
        }
        scratch.rounds = rounds;
        count
    }

    /// Drains the first `most` woken connections here, and tells how many; the others do it in their own tasks.
    pub(super) fn drain_woken(&self, scratch: &mut Scratch, most: usize) -> usize {
        let mut links = std::mem::take(&mut scratch.links);
        let count = links.len().min(most);
        for (place, link) in links.drain(..).enumerate() {
            if place < most {
                self.drain_one(link, scratch);
            } else {
                link.wake();
            }
        }
        if scratch.links.is_empty() {
            scratch.links = links;
        }
        count
    }

    fn drain_one(&self, link: Arc<Link>, scratch: &mut Scratch) {
        if let Some(held) = Held::take(link) {
            let mut round = std::mem::take(&mut scratch.spare);
            self.send(held, &mut round, scratch);
            scratch.spare = round;
        }
    }

    /// Sends a round, and others as long as somebody else wants the turn.
    fn send(&self, mut held: Held, round: &mut Round, scratch: &mut Scratch) {
        loop {
            let link = held.link();
            let mut writer = link.writer();
            if let Err(error) = self.write_out(link, &mut writer, round, scratch) {
                writer.fault = Some(error.kind());
                writer.backlog = Outgoing::default();
                scratch.outgoing.reset();
                link.set(Status::Broken, true);
            }
            drop(writer);
            if !held.pass() {
                return;
            }
        }
    }

    fn write_out(
        &self,
        link: &Link,
        writer: &mut Writer,
        round: &mut Round,
        scratch: &mut Scratch,
    ) -> io::Result<()> {
        if round.taken && link.is(Status::Closing) {
            // Its own task has said the last word since.
            round.taken = false;
            round.drained.chunks.reset();
        }
        if !round.taken && (link.is(Status::Broken) || !self.write_backlog(link, writer)?) {
            return Ok(());
        }
        let drained = &mut round.drained;
        for _ in 0..MAX_ROUNDS {
            if !std::mem::take(&mut round.taken) {
                if link.is(Status::Closing) {
                    return Ok(());
                }
                self.visit(scratch, |core, now, scratch| {
                    core.take_frames(now, link, &mut scratch.effects, drained);
                });
            }
            link.promise(drained.waits_for);
            let everything = self.write_round(link, writer, drained, &mut scratch.outgoing)?;
            if !everything || !drained.more {
                return Ok(());
            }
        }
        link.wake();
        Ok(())
    }

    /// Whether the socket took all of it.
    fn write_round(
        &self,
        link: &Link,
        writer: &mut Writer,
        drained: &mut Drained,
        outgoing: &mut Outgoing,
    ) -> io::Result<bool> {
        encode(drained, writer.layer, outgoing);
        if !writer.backlog.is_empty() {
            outgoing.push_before(&mut writer.backlog);
        }
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
        Ok(everything)
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
        let mut scratch = hub.scratch();
        let mut core = hub.lock();
        core.parked.release(durable, &mut scratch.effects.wake);
        core.conclude(&mut scratch);
        drop(core);
        hub.settle(&mut scratch);
        hub.put_back(scratch);
    }
}

/// Takes a round's frames; over WebSocket they share one message. [MQTT-6.0.0-2]
fn encode(drained: &mut Drained, layer: Layer, outgoing: &mut Outgoing) {
    outgoing.take(&mut drained.chunks);
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

/// Rounds for one connection before its own task goes on.
const MAX_ROUNDS: usize = 4;
/// About as many bytes leave the core together with what made them.
const MAX_GATHERED: usize = 64 * 1024;
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
