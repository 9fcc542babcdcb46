// SPDX-License-Identifier: Apache-2.0 OR MIT
//! When what is written, without a thread and without a clock.

use bytes::Bytes;
use mqtt_core::{Body, Location, SessionKey};
use mqtt_proto::{PacketId, Properties};

use super::*;

fn message(topic: &str, qos: QoS, len: usize) -> Arc<Message> {
    Arc::new(Message::new(
        Topic::new(topic.into()).unwrap(),
        (qos, true),
        Properties::new(),
        Body::Inline(Bytes::from(vec![0; len])),
        None,
    ))
}

fn received() -> Record {
    let session = SessionKey {
        user: "".into(),
        client_id: "c".into(),
    };
    let packet_id = PacketId::MIN;
    Record::Received { session, packet_id }
}

fn retained(topic: &str, qos: QoS) -> Record {
    Record::Retained(message(topic, qos, 1))
}

fn large() -> Record {
    Record::Message {
        location: Location(1),
        message: message("t", QoS::AtLeastOnce, MAX_BATCH),
    }
}

fn intake(mode: Mode) -> Intake {
    let persistence = Persistence {
        mode,
        ..Persistence::default()
    };
    Intake::new(persistence, CommitSeq(100))
}

fn due(intake: &Intake, now: Instant) -> Due {
    intake.due(now, |since, window| since + window)
}

#[test]
fn a_promise_is_due_as_its_mode_says_and_what_nobody_waits_for_within_a_second() {
    let now = Instant::now();
    let at = |millis| Due::At(now + Duration::from_millis(millis));
    let cases = [
        (Mode::Sync, at(1_000), Due::Now),
        (Mode::Group, at(1_000), at(200)),
        (Mode::Relaxed, at(1_000), Due::Now),
        (Mode::Memory, at(1_000), Due::Now),
    ];
    for (mode, unwanted, wanted) in cases {
        let mut intake = intake(mode);
        assert_eq!(due(&intake, now), Due::Never, "{mode:?}");
        assert!(intake.append(&mut vec![received()], true, now));
        assert_eq!(due(&intake, now), unwanted, "{mode:?}");
        assert!(intake.want(CommitSeq(101), now));
        assert!(!intake.want(CommitSeq(101), now));
        assert_eq!(due(&intake, now), wanted, "{mode:?}");
        assert_eq!(
            intake.next(now).map(|batch| batch.last),
            Some(CommitSeq(101))
        );
        assert_eq!(due(&intake, now), Due::Never, "{mode:?}");
    }
}

#[test]
fn a_batch_that_goes_on_waits_for_its_end() {
    let now = Instant::now();
    let mut intake = intake(Mode::Sync);
    intake.append(&mut vec![received()], false, now);
    intake.want(CommitSeq(101), now);
    assert_eq!(due(&intake, now), Due::Never);
    assert!(intake.next(now).is_none());

    assert!(
        intake.append(&mut Vec::new(), true, now),
        "the thread must know"
    );
    assert_eq!(due(&intake, now), Due::Now);
    assert_eq!(intake.next(now).map(|batch| batch.records.len()), Some(1));
}

#[test]
fn a_large_batch_is_due_at_once_and_the_next_has_its_own_time() {
    let now = Instant::now();
    let mut intake = intake(Mode::Group);
    assert!(intake.append(&mut vec![large()], true, now));
    assert_eq!(due(&intake, now), Due::Now);
    intake.append(&mut vec![received()], true, now);
    intake.want(CommitSeq(102), now);

    let later = now + Duration::from_millis(150);
    assert_eq!(
        intake.next(later).map(|batch| batch.last),
        Some(CommitSeq(101))
    );
    assert_eq!(
        due(&intake, later),
        Due::At(now + Duration::from_millis(200))
    );
    assert_eq!(
        intake.next(later).map(|batch| batch.last),
        Some(CommitSeq(102))
    );
    assert_eq!(intake.bytes(), 0);
}

#[test]
fn of_a_retained_topic_at_qos_0_only_the_newest_waits_and_a_later_promise_replaces_it() {
    let now = Instant::now();
    let mut intake = intake(Mode::Sync);
    let mut records: Vec<Record> = (0..1_000).map(|_| retained("a", QoS::AtMostOnce)).collect();
    records.push(retained("b", QoS::AtMostOnce));
    records.push(retained("c", QoS::AtMostOnce));
    intake.append(&mut records, true, now);
    assert_eq!((intake.bytes(), intake.lazy.len()), (0, 3));
    let topic = Topic::new("c".into()).unwrap();
    intake.append(
        &mut vec![retained("b", QoS::AtLeastOnce), Record::Unretained(topic)],
        true,
        now,
    );
    assert_eq!(intake.lazy.len(), 1);
    assert_eq!(
        intake
            .next(now)
            .map(|batch| (batch.records.len(), batch.last)),
        Some((2, CommitSeq(1_104)))
    );

    let held = Duration::from_secs(60);
    assert_eq!(
        intake.due(now, |since, _| since + held),
        Due::At(now + held)
    );
    assert_eq!(intake.take_lazy().count(), 1);
    assert_eq!(due(&intake, now), Due::Never);
}

#[test]
fn a_wait_for_what_is_being_written_hurries_nothing_else() {
    let now = Instant::now();
    let mut intake = intake(Mode::Sync);
    intake.append(&mut vec![received()], true, now);
    assert!(intake.next(now).is_some());
    assert!(!intake.want(CommitSeq(101), now));
    intake.append(&mut vec![received()], true, now);
    let window = Duration::from_secs(1);
    assert_eq!(due(&intake, now), Due::At(now + window));
}

#[test]
fn at_the_stop_everything_is_due() {
    let now = Instant::now();
    let mut intake = intake(Mode::Group);
    intake.append(&mut vec![retained("a", QoS::AtMostOnce)], true, now);
    intake.stop = true;
    assert_eq!(due(&intake, now), Due::Now);
}
