// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Tells the core and the log how the store is: full, failed, slow, written too much.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::appender::Handle;
use super::wear::{self, Overuse};
use crate::hub::Hub;

/// Watches until aborted.
pub async fn watch(hub: Arc<Hub>, store: Handle) {
    let mut states = store.states();
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut slow, mut overuse) = (Slow::default(), Overuse::default());
    loop {
        tokio::select! {
            changed = states.changed() => if changed.is_err() { return },
            _ = ticks.tick() => {
                let (report, now) = (store.report(), hub.now());
                hub.store_figures(wear::figures(&report, now));
                let slow = slow.look(store.flushing(), Instant::now());
                let lines = [slow, overuse.look(&report, now)];
                lines.into_iter().flatten().for_each(|line| hub.log().warning(line));
                continue;
            }
        }
        let state = *states.borrow_and_update();
        hub.store_is(state);
    }
}

/// A time in which the device is slow, told at its beginning and at its end.
#[derive(Debug, Default)]
struct Slow {
    /// When it was last, and the longest flush that was seen.
    episode: Option<(Instant, Duration)>,
}

impl Slow {
    fn look(&mut self, flushing: Option<Duration>, now: Instant) -> Option<String> {
        let slow = flushing.filter(|span| *span >= SLOW);
        match (self.episode, slow) {
            (None, Some(span)) => {
                self.episode = Some((now, span));
                let seconds = span.as_secs();
                Some(format!(
                    "the card is slow: it has been writing for {seconds} s; acknowledgements that must be durable wait"
                ))
            }
            (Some((_, longest)), Some(span)) => {
                self.episode = Some((now, longest.max(span)));
                None
            }
            (Some((last, longest)), None) if now.saturating_duration_since(last) >= CALM => {
                self.episode = None;
                let seconds = longest.as_secs();
                Some(format!(
                    "the card keeps up again; the longest write took at least {seconds} s"
                ))
            }
            (_, None) => None,
        }
    }
}

const LOOK: Duration = Duration::from_secs(5);
/// A flush that takes this long is told.
const SLOW: Duration = Duration::from_secs(5);
/// After such a time without a slow flush it is over.
const CALM: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_slow_time_is_told_at_its_beginning_and_at_its_end_only() {
        let (mut slow, start) = (Slow::default(), Instant::now());
        let seconds = Duration::from_secs;
        let mut told = Vec::new();
        for (at, flushing) in [
            (0, Some(1)),
            (5, Some(6)),
            (10, Some(11)),
            (15, None),
            (20, Some(5)),
            (75, None),
            (80, None),
            (85, None),
        ] {
            let line = slow.look(flushing.map(seconds), start + seconds(at));
            told.extend(line.map(|_| at));
        }
        assert_eq!(told, [5, 80]);
    }
}
