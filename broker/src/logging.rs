// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The log: journal entries with fields where the journal is, readable lines on standard error where it is not.
//!
//! Whoever logs never waits: a bounded queue feeds one thread, which alone formats and writes, and which says how
//! many lines were dropped when it could not keep up.

mod entry;
mod escape;
mod event;
mod fights;
mod folds;
mod kind;
mod rate;
mod selection;
mod sink;
mod timestamp;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::{Duration, Instant};

use mqtt_core::Event;

use entry::Entry;
pub use escape::Field;
use kind::Kind;
use selection::Selection;
use sink::Sink;
pub use timestamp::Timestamp;

/// A handle of the one log; clones feed the same thread.
#[derive(Clone)]
pub struct Log {
    queue: Sender<Item>,
    level: Arc<Level>,
}

/// How full the queue is.
#[derive(Default)]
struct Level {
    waiting: AtomicUsize,
    /// Lines that found no room since that was told.
    dropped: AtomicU64,
}

/// What waits in the queue; it becomes text on the logger thread.
enum Item {
    Event(Event),
    Own(&'static Kind, String),
    /// Answered when everything before it is written.
    Flush(SyncSender<()>),
}

impl Log {
    /// Starts the logger thread; it ends when the last handle is gone.
    pub fn start() -> io::Result<Self> {
        let (log, items) = Self::queue();
        let level = Arc::clone(&log.level);
        std::thread::Builder::new()
            .name("broker-log".to_owned())
            .spawn(move || write_all(&items, &level, &mut Sink::open()))?;
        Ok(log)
    }

    /// Logs what happened to a client.
    pub fn event(&self, event: Event) {
        self.offer(Item::Event(event));
    }

    /// Logs an ordinary step of the broker itself.
    pub fn notice(&self, text: impl Into<String>) {
        self.offer(Item::Own(&Kind::STEP, text.into()));
    }

    /// Logs what a person should look at.
    pub fn warning(&self, text: impl Into<String>) {
        self.offer(Item::Own(&Kind::WARNING, text.into()));
    }

    /// Logs what keeps the broker from doing its work.
    pub fn error(&self, text: impl Into<String>) {
        self.offer(Item::Own(&Kind::FAILURE, text.into()));
    }

    /// Waits until everything logged so far is written, at most two seconds; the last step of a stop.
    pub fn flush(&self) {
        let deadline = Instant::now() + MAX_FLUSH;
        let (written, all_written) = mpsc::sync_channel(1);
        while !self.put(Item::Flush(written.clone())) {
            // Nothing comes before the item is in the queue: this only waits.
            let _ = all_written.recv_timeout(FLUSH_RETRY);
            if Instant::now() >= deadline {
                return;
            }
        }
        drop(written);
        // A logger thread that is stuck must not keep the process alive.
        let _ = all_written.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }

    /// A log nobody reads.
    #[cfg(test)]
    pub fn silent() -> Self {
        Self::queue().0
    }

    /// A log and the lines it writes.
    #[cfg(test)]
    pub fn captured() -> (Self, Receiver<String>) {
        let (log, items) = Self::queue();
        let (mut sink, lines) = Sink::captured();
        let level = Arc::clone(&log.level);
        std::thread::spawn(move || write_all(&items, &level, &mut sink));
        (log, lines)
    }

    fn queue() -> (Self, Receiver<Item>) {
        // Takes memory only for what waits.
        let (queue, items) = mpsc::channel();
        let level = Arc::default();
        (Self { queue, level }, items)
    }

    fn offer(&self, item: Item) {
        if !self.put(item) {
            self.level.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether there was room for the item, or nobody to take it: the thread, which ends last, is gone.
    fn put(&self, item: Item) -> bool {
        if self.level.waiting.fetch_add(1, Ordering::Relaxed) >= MAX_QUEUED {
            self.level.waiting.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        if self.queue.send(item).is_err() {
            self.level.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        true
    }
}

/// Writes what comes until the last handle is gone.
fn write_all(items: &Receiver<Item>, level: &Level, sink: &mut Sink) {
    let mut selection = Selection::new(Instant::now());
    loop {
        let next = match selection.due(Instant::now()) {
            Some(due) => items.recv_timeout(due),
            None => items.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let now = Instant::now();
        let due = selection.turn(now);
        due.iter().for_each(|entry| sink.write(entry));
        let lost = level.dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            sink.write(&Entry::own(
                &Kind::LINES_DROPPED,
                &format!("{lost} log lines dropped"),
            ));
        }
        match next {
            Ok(item) => {
                level.waiting.fetch_sub(1, Ordering::Relaxed);
                write(item, now, &mut selection, sink);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn write(item: Item, now: Instant, selection: &mut Selection, sink: &mut Sink) {
    match item {
        Item::Event(event) => {
            let lines = selection.take(now, &event);
            lines.iter().for_each(|entry| sink.write(entry));
        }
        Item::Own(kind, text) => sink.write(&Entry::own(kind, &text)),
        // Nobody waits any more if this fails.
        Item::Flush(written) => drop(written.send(())),
    }
}

/// Lines that wait for the logger thread; more are counted and dropped.
const MAX_QUEUED: usize = 8_192;
const MAX_FLUSH: Duration = Duration::from_secs(2);
const FLUSH_RETRY: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_queue_are_counted_and_reported_before_the_next_one() {
        let (log, items) = Log::queue();
        for _ in 0..MAX_QUEUED + 3 {
            log.notice("x");
        }
        let level = Arc::clone(&log.level);
        drop(log);
        let (mut sink, lines) = Sink::captured();
        write_all(&items, &level, &mut sink);
        let lines: Vec<String> = lines.try_iter().collect();
        assert_eq!(lines.len(), MAX_QUEUED + 1);
        assert_eq!(
            lines.first().map(String::as_str),
            Some("3 log lines dropped")
        );
    }

    #[test]
    fn a_flush_returns_when_the_lines_before_it_are_written() {
        let (log, lines) = Log::captured();
        log.notice("last words\n\u{1b}[2J");
        log.flush();
        assert_eq!(
            lines.try_recv().as_deref(),
            Ok("last words\\u{a}\\u{1b}[2J")
        );
    }
}
