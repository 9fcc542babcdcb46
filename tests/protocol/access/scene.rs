// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One cell of the matrix: a world in which a right is given, denied, or taken away meanwhile, by one kind of entry.

use std::time::Duration;

use mqtt_proto::{Connect, Packet, Publish, QoS, Reason, Version};
use tests::packets::{connect, login, publish_at, resume};
use tests::rights::{EVERYTHING, user_may};
use tests::{Client, World};

use super::USER;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passes,
    Stopped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Allow,
    Deny,
    Revoked,
}

/// The kind of entry by which the right is given and taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Exact,
    Plus,
    Hash,
    Dollar,
}

pub const STATES: [State; 3] = [State::Allow, State::Deny, State::Revoked];
pub const SHAPES: [Shape; 4] = [Shape::Exact, Shape::Plus, Shape::Hash, Shape::Dollar];

/// One cell of the table.
pub struct Scene {
    pub world: World,
    pub version: Version,
    pub state: State,
    pub shape: Shape,
}

impl std::fmt::Display for Scene {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}", self.state, self.shape.sign())
    }
}

impl Shape {
    pub fn sign(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Plus => "+",
            Self::Hash => "#",
            Self::Dollar => "$",
        }
    }

    /// The filter of the entry that gives the right.
    pub fn given(self) -> &'static str {
        match self {
            Self::Exact => "x/a",
            Self::Plus => "x/+",
            Self::Hash => "x/#",
            Self::Dollar => "$SYS/#",
        }
    }

    /// The filter of the entry that denies it.
    pub fn denied(self) -> &'static str {
        match self {
            Self::Dollar => "$SYS/broker/#",
            other => other.given(),
        }
    }

    /// A filter that asks for more than what is denied.
    pub fn wide(self) -> &'static str {
        match self {
            Self::Dollar => "$SYS/#",
            _ => "#",
        }
    }

    /// A topic that all of them match.
    pub fn topic(self) -> &'static str {
        match self {
            Self::Dollar => "$SYS/broker/uptime",
            _ => "x/a",
        }
    }
}

impl Scene {
    pub fn all(version: Version) -> impl Iterator<Item = Self> {
        let cells = STATES
            .into_iter()
            .flat_map(|state| SHAPES.map(|shape| (state, shape)));
        cells.map(move |(state, shape)| Self::new(version, state, shape))
    }

    /// A world in which the right is as at the begin of its state.
    pub fn new(version: Version, state: State, shape: Shape) -> Self {
        let scene = Self {
            world: World::new(),
            version,
            state,
            shape,
        };
        match state {
            State::Allow | State::Revoked => scene.give(),
            State::Deny => scene.take_away(),
        }
        scene
    }

    pub fn expected(&self, path: &str, publishes: bool) -> Outcome {
        let never = publishes && self.shape == Shape::Dollar;
        match self.state {
            State::Revoked if path == "internal clients" => Outcome::Passes,
            State::Allow if !never => Outcome::Passes,
            _ => Outcome::Stopped,
        }
    }

    pub fn give(&self) {
        let entry = format!("readwrite {}", self.shape.given());
        self.world.put_in_force(user_may(USER, &[entry]));
    }

    pub fn take_away(&self) {
        let denied = format!("deny {}", self.shape.denied());
        let entries = [EVERYTHING[0], EVERYTHING[1], &denied];
        self.world.put_in_force(user_may(USER, &entries));
    }

    /// Takes the right away where that belongs to the state.
    pub fn meanwhile(&self) {
        if self.state == State::Revoked {
            self.take_away();
        }
    }

    /// The filter of a subscription that is granted in this state at first.
    pub fn filter(&self) -> &'static str {
        match self.state {
            State::Deny => self.shape.wide(),
            _ => self.shape.given(),
        }
    }

    pub fn login(&self, client_id: &str) -> Connect {
        login(connect(self.version, client_id), USER, "secret")
    }

    pub fn client(&self) -> Client {
        self.world.connect(self.login("c"), false)
    }

    pub fn persistent(&self, present: bool) -> Client {
        let connect = login(resume(self.version, "c"), USER, "secret");
        self.world.connect(connect, present)
    }

    /// Somebody who may everything and sees everything.
    pub fn witness(&self) -> Client {
        let witness = self.world.client(self.version, "w");
        witness.subscribe("#", QoS::AtMostOnce);
        witness.subscribe("$SYS/#", QoS::AtMostOnce);
        witness.take_all();
        witness
    }

    /// Has a message of the topic published by somebody who may.
    pub fn publish(&self, qos: QoS) {
        match self.shape {
            Shape::Dollar => self.world.pass(Duration::from_secs(10)),
            _ => self
                .world
                .client(self.version, "p")
                .publish(qos, "x/a", "1"),
        }
    }

    /// Whether a client was given a message of the topic.
    pub fn received(&self, client: &Client) -> Outcome {
        let all = client.take_all();
        outcome(all.iter().any(|m| m.topic.as_str() == self.shape.topic()))
    }

    /// Publishes at QoS 1 and checks the answer; whether the witness got it.
    pub fn try_to_publish(&self, client: &Client, witness: &Client, retain: bool) -> Outcome {
        let topic = self.shape.topic();
        client.send(Publish {
            retain,
            ..publish_at(QoS::AtLeastOnce, 1, topic, "new")
        });
        let Packet::PubAck(ack) = client.receive() else {
            panic!("no PUBACK");
        };
        let got = witness.take_payloads().contains(&"new".to_owned());
        let denied = ack.reason == Reason::NotAuthorized;
        // MQTT 3 has no words for a refusal.
        assert_eq!(denied, !got && self.version == Version::V5, "{self}");
        outcome(got)
    }
}

pub fn outcome(passes: bool) -> Outcome {
    match passes {
        true => Outcome::Passes,
        false => Outcome::Stopped,
    }
}
