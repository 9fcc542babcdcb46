// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The sending side of one connection, shared by every task that has something to send to it.
//!
//! Whoever takes the link's [`Turn`] writes; whoever fails to take it leaves, because the holder goes round
//! again. The connection's own task waits by [`Link::poll_wake`] for what only it can do.

use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use mqtt_core::{CommitSeq, ConnectionId};

use crate::auth::Exchange;
use crate::outgoing::Outgoing;
use crate::transport::{Layer, Sink};

/// The shared part of one connection.
pub struct Link {
    pub id: ConnectionId,
    pub sink: Sink,
    pub turn: Turn,
    writer: Mutex<Writer>,
    status: AtomicU8,
    sent: AtomicU64,
    /// The commit that the next frame waits for; 0 for none.
    promised: AtomicU64,
    /// The connection's own task waits until that changes.
    held_up: AtomicBool,
    /// Of the connection's own task.
    waker: Mutex<Option<Waker>>,
    exchange: Mutex<Option<Box<Exchange>>>,
}

/// What the holder of the turn works on.
pub struct Writer {
    /// Bytes the socket did not take yet; nothing is drained while there are any.
    pub backlog: Outgoing,
    pub layer: Layer,
    /// Why nothing can be sent any more.
    pub fault: Option<io::ErrorKind>,
}

impl Link {
    pub fn new(id: ConnectionId, sink: Sink, layer: Layer) -> Self {
        let writer = Writer {
            backlog: Outgoing::default(),
            layer,
            fault: None,
        };
        Self {
            id,
            sink,
            turn: Turn::default(),
            writer: Mutex::new(writer),
            status: AtomicU8::new(0),
            sent: AtomicU64::new(0),
            promised: AtomicU64::new(0),
            held_up: AtomicBool::new(false),
            waker: Mutex::default(),
            exchange: Mutex::default(),
        }
    }

    /// The writer; only the holder of the turn waits for nobody here.
    pub fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the authenticator keeps between two steps of this connection's enhanced authentication.
    pub fn exchange(&self) -> MutexGuard<'_, Option<Box<Exchange>>> {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is(&self, status: Status) -> bool {
        self.is_any(&[status])
    }

    pub fn is_any(&self, statuses: &[Status]) -> bool {
        let now = self.status.load(Ordering::Acquire);
        statuses.iter().any(|status| now & *status as u8 != 0)
    }

    /// Sets or clears one status; the connection's own task is woken when it has to act on the change.
    pub fn set(&self, status: Status, on: bool) {
        let bit = status as u8;
        let before = if on {
            self.status.fetch_or(bit, Ordering::AcqRel)
        } else {
            self.status.fetch_and(!bit, Ordering::AcqRel)
        };
        let changed = (before & bit != 0) != on;
        if changed && on != matches!(status, Status::Paused) {
            self.wake();
        }
    }

    /// Lets the connection's own task look at the link.
    pub fn wake(&self) {
        let woken = Status::Woken as u8;
        if self.status.fetch_or(woken, Ordering::AcqRel) & woken == 0 {
            if let Some(waker) = self.waker().as_ref() {
                waker.wake_by_ref();
            }
        }
    }

    /// Waits for [`Link::wake`]; a wake-up that came before is not lost. Only the connection's own task may wait.
    pub async fn woken(&self) {
        poll_fn(|context| self.poll_wake(context)).await;
        self.take_wake();
    }

    /// Whether there was a [`Link::wake`] that nobody has taken; if not, the task is woken by the next.
    pub fn poll_wake(&self, context: &mut Context<'_>) -> Poll<()> {
        if !self.is(Status::Woken) {
            // Before the second look, so that a wake-up in between finds the task.
            self.listen(context);
            if !self.is(Status::Woken) {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// Takes a wake-up, before the look at what it was for.
    pub fn take_wake(&self) {
        let woken = Status::Woken as u8;
        self.status.fetch_and(!woken, Ordering::AcqRel);
    }

    fn listen(&self, context: &mut Context<'_>) {
        let mut waker = self.waker();
        match waker.as_mut() {
            Some(known) => known.clone_from(context.waker()),
            None => *waker = Some(context.waker().clone()),
        }
    }

    fn waker(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what the next frame waits for.
    pub fn promise(&self, commit: Option<CommitSeq>) {
        let commit = commit.unwrap_or_default().0;
        if self.promised.load(Ordering::Relaxed) == commit {
            return;
        }
        self.promised.store(commit, Ordering::SeqCst);
        if self.held_up.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    /// The commit that the next frame waits for; 0 for none.
    pub fn promised(&self) -> u64 {
        self.promised.load(Ordering::SeqCst)
    }

    /// Whether the connection's own task is to be woken when [`Link::promised`] changes; to be asked for before that is
    /// looked at.
    pub fn hold_up(&self, on: bool) {
        self.held_up.store(on, Ordering::SeqCst);
    }

    /// Bytes the socket has taken since the connection began.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Counts bytes the socket has taken.
    pub fn count_sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// What the connection's own task must know of the sending side.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub enum Status {
    /// The core wants no more packets until it wakes the connection again.
    Paused = 1,
    /// The socket takes no more; somebody must wait until it is writable.
    Blocked = 2,
    /// The last frame is in the backlog or gone; the connection ends when the backlog is empty.
    Closing = 4,
    /// Nothing can be sent any more.
    Broken = 8,
    /// The core has ended the connection; its last frames may be stuck behind the backlog.
    Ended = 16,
    /// The connection's own task is to look at the link.
    Woken = 32,
}

/// Who may write to a link.
///
/// ```text
///          take: won              take: lost
///   idle ─────────────► taken ───────────────► wanted ─┐ take: lost
///    ▲                   │  ▲                   │  ▲───┘
///    └─── pass: done ────┘  └── pass: go on ────┘
/// ```
#[derive(Default)]
pub struct Turn(AtomicU8);

impl Turn {
    /// Whether the caller has the turn now; otherwise its holder has been told to go round again.
    pub fn take(&self) -> bool {
        self.step(|state| if state == IDLE { TAKEN } else { WANTED }) == IDLE
    }

    /// Ends a round: whether the holder must go round again; if not, the turn is given up.
    pub fn pass(&self) -> bool {
        self.step(|state| if state == WANTED { TAKEN } else { IDLE }) == WANTED
    }

    fn step(&self, next: impl Fn(u8) -> u8) -> u8 {
        let mut state = self.0.load(Ordering::Relaxed);
        loop {
            match self.0.compare_exchange_weak(
                state,
                next(state),
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(before) => return before,
                Err(now) => state = now,
            }
        }
    }
}

/// The turn in the hands of a thread; a panic leaves the link broken instead of silent.
pub struct Held {
    link: Arc<Link>,
    over: bool,
}

impl Held {
    /// The link's turn, unless somebody has it, who has then been told to go round again.
    pub fn take(link: Arc<Link>) -> Option<Self> {
        let taken = link.turn.take();
        taken.then(|| Self { link, over: false })
    }

    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Ends a round: whether there must be another; if not, the turn is given up.
    pub fn pass(&mut self) -> bool {
        self.over = !self.link.turn.pass();
        !self.over
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.over {
            self.link.set(Status::Broken, true);
        }
    }
}

const IDLE: u8 = 0;
const TAKEN: u8 = 1;
const WANTED: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn a_lost_turn_makes_the_holder_go_round_again_once() {
        let turn = Turn::default();
        assert!(turn.take());
        assert!(!turn.take());
        assert!(!turn.take());
        assert!(turn.pass());
        assert!(!turn.pass());
        assert!(turn.take());
    }

    #[test]
    fn whatever_is_queued_before_a_take_is_seen_by_a_holder() {
        let turn = Turn::default();
        let queued = AtomicUsize::new(0);
        let written = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        queued.fetch_add(1, Ordering::Relaxed);
                        if turn.take() {
                            loop {
                                written.fetch_add(
                                    queued.swap(0, Ordering::Relaxed),
                                    Ordering::Relaxed,
                                );
                                if !turn.pass() {
                                    break;
                                }
                            }
                        }
                    }
                });
            }
        });
        assert_eq!(queued.load(Ordering::Relaxed), 0);
        assert_eq!(written.load(Ordering::Relaxed), 40_000);
    }
}
