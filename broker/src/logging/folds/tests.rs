// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Hours and days of repeats, in virtual time.

use super::*;

/// A log whose clock the test turns.
struct Scene {
    folds: Folds,
    began: Instant,
    now: Instant,
}

impl Scene {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            folds: Folds::new(),
            began: now,
            now,
        }
    }

    /// Lets time pass, writing what is due; returns the lines with their minute.
    fn pass(&mut self, span: Duration) -> Vec<(u64, String)> {
        let end = self.now + span;
        let mut lines = Vec::new();
        while let Some(due) = self
            .folds
            .due(self.now)
            .filter(|due| self.now + *due <= end)
        {
            self.now += due;
            let turn = self.folds.turn(self.now);
            assert!(!due.is_zero() || !turn.is_empty(), "the logger would spin");
            lines.extend(turn.into_iter().map(|entry| (self.minute(), entry.text)));
        }
        self.now = end;
        lines
    }

    fn happens(&mut self, what: Entry) -> Vec<(u64, String)> {
        let subject = Subject::Address(None);
        let mut lines = Vec::new();
        self.folds.offer(self.now, &subject, what, &mut lines);
        let minute = self.minute();
        lines
            .into_iter()
            .map(|entry| (minute, entry.text))
            .collect()
    }

    fn minute(&self) -> u64 {
        self.now.duration_since(self.began).as_secs() / 60
    }
}

fn probe(address: &str, reason: &str) -> Entry {
    Entry::new(&Kind::CONNECTION_LOST, "Closed.".to_owned())
        .with("REMOTE_ADDR", address)
        .with("REASON", reason)
}

fn texts(lines: Vec<(u64, String)>) -> Vec<String> {
    lines.into_iter().map(|(_, text)| text).collect()
}

#[test]
fn a_probe_every_minute_costs_a_dozen_lines_a_day() {
    let mut scene = Scene::new();
    let mut lines = Vec::new();
    for _ in 0..1440 {
        lines.extend(scene.happens(probe("172.30.32.2:4444", "no CONNECT")));
        lines.extend(scene.pass(Duration::from_secs(60)));
    }
    let expected: [(u64, &str); 14] = [
        (0, "Closed."),
        (1, "Closed."),
        (2, "Closed."),
        (3, "Closed."),
        (4, "Closed."),
        (5, "Closed. ×6 today"),
        (10, "Closed. ×10 today"),
        (25, "Closed. ×25 today"),
        (85, "Closed. ×85 today"),
        (265, "Closed. ×265 today"),
        (625, "Closed. ×625 today"),
        (985, "Closed. ×985 today"),
        (1345, "Closed. ×1345 today"),
        (1440, "Closed. ×1440 today"),
    ];
    let lines: Vec<(u64, &str)> = lines
        .iter()
        .map(|(at, text)| (*at, text.as_str()))
        .collect();
    assert_eq!(lines, expected);
    assert_eq!(
        texts(scene.happens(probe("172.30.32.2:1", "no CONNECT"))),
        ["Closed."],
        "a new day"
    );
}

#[test]
fn repeats_that_stop_are_counted_a_minute_later() {
    let mut scene = Scene::new();
    let mut shown = 0;
    for _ in 0..500 {
        shown += scene.happens(probe("192.0.2.1:1", "x")).len();
    }
    assert_eq!(shown, SHOWN);
    assert_eq!(scene.pass(Duration::from_secs(59)), []);
    assert_eq!(
        texts(scene.pass(Duration::from_secs(1))),
        ["Closed. ×500 today"]
    );
    assert_eq!(scene.pass(DAY), [], "told once");
    assert_eq!(scene.folds.due(scene.now), None);
}

#[test]
fn a_change_of_address_or_cause_is_a_new_line_and_a_change_of_figures_is_not() {
    let mut scene = Scene::new();
    for n in 0..9 {
        scene.happens(probe(
            &format!("192.0.2.1:{n}"),
            &format!("silent for {n} s"),
        ));
    }
    let mut shown = |address, reason| scene.happens(probe(address, reason)).len();
    assert_eq!(shown("192.0.2.1:77", "silent for 99 s"), 0);
    assert_eq!(shown("192.0.2.2:77", "silent for 99 s"), 1);
    assert_eq!(shown("192.0.2.1:77", "wrong password"), 1);
    assert_eq!(shown("[2001:db8::1]:77", "wrong password"), 1);
    assert_eq!(shown("[2001:db8::2]:77", "wrong password"), 1);
}

#[test]
fn another_denied_topic_is_a_new_line() {
    let mut scene = Scene::new();
    let denied = |topic: &str| {
        let entry = Entry::new(&Kind::PUBLISH_DENIED, format!("Denied {topic}"));
        entry.with("TOPIC", topic)
    };
    for second in 0..100 {
        scene.happens(denied(&format!("old/{second}")));
        scene.pass(Duration::from_secs(1));
    }
    let lines = texts(scene.happens(denied("new")));
    assert_eq!(lines, ["Denied new"]);
}

#[test]
fn after_a_quiet_hour_lines_are_shown_again_and_the_day_goes_on() {
    let mut scene = Scene::new();
    let event = || Entry::new(&Kind::CLIENT_REFUSED, "No (x".to_owned()).ending(")".to_owned());
    for _ in 0..9 {
        scene.happens(event());
    }
    scene.pass(QUIET);
    assert_eq!(texts(scene.happens(event())), ["No (x, tenth time today)"]);
    scene.pass(DAY);
    assert_eq!(texts(scene.happens(event())), ["No (x)"]);
}

#[test]
fn an_accepted_connection_is_counted_by_what_becomes_of_it() {
    let mut scene = Scene::new();
    let opened = || Entry::new(&Kind::CONNECTION_OPENED, "New.".to_owned());
    for _ in 0..SHOWN {
        assert_eq!(scene.happens(opened()).len(), 1);
    }
    assert_eq!(scene.happens(opened()), []);
    assert_eq!(scene.pass(DAY), []);
}

#[test]
fn a_full_table_tells_what_it_forgets() {
    let mut scene = Scene::new();
    for _ in 0..7 {
        scene.happens(probe("192.0.2.1:1", "first"));
    }
    scene.now += Duration::from_secs(1);
    for letters in 0..2 * MAX_STORIES {
        let reason: String = format!("{letters:012b}")
            .replace('0', "a")
            .replace('1', "b");
        let lines = texts(scene.happens(probe("192.0.2.1:1", &reason)));
        let told = lines.len() == 2 && lines[0] == "Closed. ×7 today";
        assert!(lines.len() == 1 || told, "{lines:?}");
        assert_eq!(told, letters == MAX_STORIES - 1, "{letters}");
        assert!(scene.folds.stories.len() <= MAX_STORIES);
    }
}

#[test]
fn the_manual_says_when_lines_are_folded() {
    let manual = include_str!("../../../../docs/log.md").replace('\n', " ");
    let sentence = format!(
        "{SHOWN} lines are shown, then one summary after 1 minute, 5 minutes, 15 minutes, 1 hour, 3 hours and every 6 hours"
    );
    assert!(
        manual.contains(&sentence),
        "docs/log.md must say: {sentence}"
    );
    let minutes = SPACINGS.map(|spacing| spacing.as_secs() / 60);
    assert_eq!(minutes, [1, 5, 15, 60, 180, 360]);
}
