// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The check of retained messages: a new subscriber sees the last acknowledged one of each topic or a later one, and none
//! that was removed.

use std::collections::BTreeMap;

use mqtt_proto::{Packet, QoS, Version};
use tests::packets::{connect, publish_at, subscribe};

use crate::findings::Kind;
use crate::lane::{Lane, RETAINED_FILTER, sequence_of};
use crate::link::{Link, Lost};
use crate::publisher::{Outbox, Publisher, Step};
use crate::scene::Scene;
use crate::subscriber::Patience;

/// Reads all retained messages and compares them with what their publisher knows.
pub fn check(scene: &Scene, retainer: &mut Publisher) -> Result<(), Lost> {
    let found = read_all(scene, retainer.diary.now(), &retainer.lanes)?;
    for lane in retainer.lanes.clone() {
        let there = found.get(&lane).copied();
        let outbox = retainer.diary.now();
        if is_allowed(lane, outbox, there) {
            continue;
        }
        let topic = lane.topic();
        let last = outbox.settled(lane);
        let removal = last.is_some_and(|last| lane.is_removal(last));
        let what = if removal { "the removal" } else { "message" };
        let text = format!("{topic} has {there:?}, acknowledged was {what} {last:?}");
        scene.findings.report(Kind::Retained, &text);
        retainer.diary.note(Step::Missed(lane));
    }
    Ok(())
}

/// Whether what is there is the effect of the last acknowledged message or of a later one.
fn is_allowed(lane: Lane, outbox: &Outbox, there: Option<u32>) -> bool {
    let settled = outbox.settled(lane);
    let next = outbox.next(lane);
    match there {
        Some(sequence) => settled.is_none_or(|last| sequence >= last) && sequence < next,
        None => settled.is_none() || (settled.unwrap_or(0)..next).any(|s| lane.is_removal(s)),
    }
}

fn read_all(scene: &Scene, outbox: &Outbox, lanes: &[Lane]) -> Result<BTreeMap<Lane, u32>, Lost> {
    let (mut link, _) = Link::open(scene.address, connect(Version::V311, "watcher"))?;
    // What is retained last in the order of subscribing is delivered last.
    let mut last = publish_at(QoS::AtLeastOnce, 1, LAST, "");
    last.retain = true;
    last.payload = LAST.into();
    link.send(last)?;
    link.expect("PUBACK", |packet| matches!(packet, Packet::PubAck(_)))?;
    link.send(subscribe(2, RETAINED_FILTER, QoS::AtMostOnce))?;
    link.send(subscribe(3, LAST, QoS::AtMostOnce))?;
    let mut found = BTreeMap::new();
    let mut patience = Patience::new();
    let mut marked = false;
    loop {
        let packet = link.receive()?;
        let idle = packet.is_none();
        if let Some(Packet::Publish(message)) = packet {
            let topic = message.topic.as_str();
            marked |= topic == LAST;
            let known = Lane::of_topic(topic).zip(sequence_of(&message.payload));
            if known.is_none() && topic != LAST {
                let text = format!("{topic} has something else");
                scene.findings.report(Kind::Damaged, &text);
            }
            found.extend(known);
        }
        let right = |lane: &Lane| is_allowed(*lane, outbox, found.get(lane).copied());
        if idle && (marked && lanes.iter().all(right) || patience.is_over(marked)) {
            return Ok(found);
        }
    }
}

/// A retained message of the check itself.
const LAST: &str = "last";
