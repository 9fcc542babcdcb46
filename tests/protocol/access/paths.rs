// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How a right is tried on each path; a cell that cannot be has its reason.

use mqtt_core::{Access, PeerKind};
use mqtt_proto::{Connect, Packet, Publish, QoS, Reason, Version};
use tests::Client;
use tests::packets::{connack, connect, granted, publish_at, suback, subscribe, will};

use super::scene::{Outcome, Scene, Shape, State, outcome};

/// What came of a trial, or why there is none.
pub type Cell = Result<Outcome, &'static str>;

/// There is no right to take away.
const NEVER_GIVEN: &str = "nobody may publish to $ topics, so nothing can be revoked";

pub fn publish(scene: &Scene) -> Cell {
    let (client, witness) = (scene.client(), scene.witness());
    if scene.state == State::Revoked {
        if scene.try_to_publish(&client, &witness, false) == Outcome::Stopped {
            return Err(NEVER_GIVEN);
        }
        scene.meanwhile();
    }
    Ok(scene.try_to_publish(&client, &witness, false))
}

fn with_will(scene: &Scene) -> Connect {
    Connect {
        will: Some(will(scene.shape.topic(), "gone")),
        ..scene.login("c")
    }
}

pub fn will_at_connect(scene: &Scene) -> Cell {
    let attempt = || {
        let client = scene.world.open(scene.version);
        client.send(with_will(scene));
        match client.receive() {
            Packet::ConnAck(connack) => {
                let denied = connack.reason == Reason::NotAuthorized;
                assert_eq!(denied, !client.is_open(), "{scene}");
                outcome(client.is_open())
            }
            other => panic!("{other:?}"),
        }
    };
    if scene.state == State::Revoked {
        if attempt() == Outcome::Stopped {
            return Err(NEVER_GIVEN);
        }
        scene.meanwhile();
    }
    Ok(attempt())
}

pub fn will_when_sent(scene: &Scene) -> Cell {
    if scene.shape == Shape::Dollar || scene.state == State::Deny {
        return Err("such a will is refused at CONNECT");
    }
    let witness = scene.witness();
    let client = scene.world.connect(with_will(scene), false);
    scene.meanwhile();
    client.lose();
    Ok(scene.received(&witness))
}

pub fn retained_stored(scene: &Scene) -> Cell {
    let (client, witness) = (scene.client(), scene.witness());
    if scene.state == State::Revoked {
        if scene.try_to_publish(&client, &witness, true) == Outcome::Stopped {
            return Err(NEVER_GIVEN);
        }
        client.send(Publish {
            retain: true,
            ..publish_at(QoS::AtMostOnce, 1, scene.shape.topic(), "old")
        });
        scene.meanwhile();
    }
    let told = scene.try_to_publish(&client, &witness, true);
    let late = scene.world.client(scene.version, "late");
    late.subscribe(scene.shape.topic(), QoS::AtMostOnce);
    let stored = outcome(late.take_payloads() == ["new"]);
    assert_eq!(told, stored, "{scene}");
    Ok(stored)
}

pub fn retained_delivered(scene: &Scene) -> Cell {
    let publisher = scene.world.client(scene.version, "p");
    publisher.retain(QoS::AtLeastOnce, "x/a", "1");
    let client = scene.client();
    client.stall();
    client.send(subscribe(1, scene.filter(), QoS::AtLeastOnce));
    scene.meanwhile();
    client.unstall();
    client.expect(suback(1, [granted(QoS::AtLeastOnce)]));
    Ok(scene.received(&client))
}

/// SUBSCRIBE to all that the entry names; refused by the code of the version.
fn try_to_subscribe(scene: &Scene, client: &Client, share: &str) -> Outcome {
    let filter = match scene.state {
        State::Allow => scene.shape.given(),
        _ => scene.shape.denied(),
    };
    client.send(subscribe(9, &format!("{share}{filter}"), QoS::AtLeastOnce));
    let Packet::SubAck(ack) = client.receive() else {
        panic!("no SUBACK");
    };
    let refused = match scene.version {
        Version::V5 => Reason::NotAuthorized,
        _ => Reason::UnspecifiedError,
    };
    let granted = ack.reasons == [granted(QoS::AtLeastOnce)];
    assert!(granted || ack.reasons == [refused], "{scene}: {ack:?}");
    outcome(granted)
}

pub fn subscribed(scene: &Scene) -> Cell {
    let client = scene.client();
    if scene.state == State::Revoked {
        assert_eq!(try_to_subscribe(scene, &client, ""), Outcome::Passes);
        scene.meanwhile();
        client.take_all();
    }
    let outcome = try_to_subscribe(scene, &client, "");
    Ok(outcome)
}

pub fn shared(scene: &Scene) -> Cell {
    let client = scene.client();
    let first = try_to_subscribe(scene, &client, "$share/g/");
    if first == Outcome::Stopped {
        return Ok(first);
    }
    let other = scene.world.client(scene.version, "other");
    let filter = match scene.state {
        State::Allow => scene.shape.given(),
        _ => scene.shape.denied(),
    };
    other.subscribe(&format!("$share/g/{filter}"), QoS::AtLeastOnce);
    scene.meanwhile();
    let (mut received, mut by_other) = (0, 0);
    for _ in 0..6 {
        scene.publish(QoS::AtLeastOnce);
        received += client.take_all().len();
        by_other += other.take_all().len();
    }
    assert!(by_other > 0 && received + by_other >= 6, "nothing is lost");
    assert_eq!(
        try_to_subscribe(scene, &client, "$share/g/"),
        outcome(received > 0)
    );
    Ok(outcome(received > 0))
}

pub fn after_a_reload(scene: &Scene) -> Cell {
    let client = scene.persistent(false);
    client.send(subscribe(1, scene.filter(), QoS::AtLeastOnce));
    client.expect(suback(1, [granted(QoS::AtLeastOnce)]));
    client.take_all();
    client.lose();
    scene.publish(QoS::AtLeastOnce);
    scene.meanwhile();
    let client = scene.persistent(true);
    let waited = scene.received(&client);
    scene.publish(QoS::AtLeastOnce);
    let live = scene.received(&client);
    // What goes out at QoS 0 does not wait.
    let waits = scene.shape != Shape::Dollar;
    assert!(!waits || waited == live, "{scene}: {waited:?}, {live:?}");
    scene.world.assert_queues_empty();
    Ok(live)
}

pub fn resumed(scene: &Scene) -> Cell {
    if scene.shape == Shape::Dollar {
        return Err("values of $SYS go out at QoS 0, so none is in flight");
    }
    if scene.state == State::Deny {
        return Err("what is denied was never sent");
    }
    let mut outcomes = [QoS::AtLeastOnce, QoS::ExactlyOnce].map(|qos| {
        let client = scene.persistent(qos == QoS::ExactlyOnce);
        scene.give();
        client.send(subscribe(1, scene.filter(), qos));
        client.expect(suback(1, [granted(qos)]));
        scene.publish(qos);
        assert!(matches!(client.receive(), Packet::Publish(_)), "{scene}");
        client.lose();
        scene.meanwhile();
        let client = scene.persistent(true);
        let outcome = scene.received(&client);
        client.expect_nothing();
        client.lose();
        scene.world.assert_queues_empty();
        outcome
    });
    outcomes.sort_by_key(|outcome| *outcome == Outcome::Passes);
    assert_eq!(outcomes[0], outcomes[1], "{scene}");
    Ok(outcomes[0])
}

/// The broker's own client has its own permit: for its own topics, whatever the configuration says.
pub fn internal(scene: &Scene) -> Cell {
    if scene.state == State::Revoked {
        scene.world.put_in_force(Access::nothing());
    }
    let client = scene.world.open_as(scene.version, PeerKind::Internal);
    client.send(connect(scene.version, "canary"));
    client.expect(connack(false));
    let own = scene.state != State::Deny;
    let (filter, topic) = match (scene.shape, own) {
        (Shape::Exact, true) => ("$canary/a", "$canary/a"),
        (Shape::Plus, true) => ("$canary/+", "$canary/a"),
        (Shape::Hash | Shape::Dollar, true) => ("$canary/#", "$canary/a"),
        (shape, false) => (shape.given(), shape.topic()),
    };
    client.send(subscribe(1, filter, QoS::AtMostOnce));
    let Packet::SubAck(ack) = client.receive() else {
        panic!("no SUBACK");
    };
    client.send(publish_at(QoS::AtMostOnce, 0, topic, "1"));
    let received = outcome(client.take_payloads() == ["1"]);
    assert_eq!(received, outcome(ack.reasons == [granted(QoS::AtMostOnce)]));
    Ok(received)
}
