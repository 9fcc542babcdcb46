// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The works that brokers are compared by, each with its name.

use mqtt_proto::{QoS, Version};

use super::{Pace, Shape, Transport, Work};

/// A work, and how it reaches the broker.
pub struct Scenario {
    pub name: &'static str,
    pub transport: Transport,
    pub version: Version,
    pub work: Work,
}

/// The scenario of this name.
pub fn find(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}

/// Every scenario, in the order of the tables.
pub static SCENARIOS: [Scenario; 23] = [
    P2P_Q0_64_CLOSED,
    P2P_Q0_64_FIRE,
    P2P_Q1_64,
    P2P_Q2_64,
    MQ5_P2P_Q1_64,
    P2P_Q0_1K,
    P2P_Q1_1K,
    P2P_Q0_64K,
    P2P_Q1_64K,
    P2P_Q0_100X1,
    P2P_Q1_100X1,
    P2P_Q1_W1,
    FAN1000_Q0,
    FAN1000_Q1,
    FAN5000_Q0,
    FANIN1000_Q0,
    FANIN1000_Q1,
    WS_P2P_Q0_64,
    TLS_P2P_Q0_64,
    TLS_P2P_Q0_1K,
    LAT_Q0_2K,
    LAT_Q1_2K,
    LAT_Q0_20K,
];

/// Ten pairs send bursts of 200: one read of the broker holds many messages, and there is always a pair with work for it.
const P2P_Q0_64_CLOSED: Scenario = Scenario {
    name: "p2p-q0-64-closed",
    transport: Transport::Tcp,
    version: Version::V311,
    work: Work {
        shape: Shape::Pairs(10),
        qos: QoS::AtMostOnce,
        payload: 64,
        pace: Pace::Window {
            messages: 200,
            at_once: 10,
        },
    },
};

/// The same pairs send as fast as their sockets take it; what the broker then drops is lost.
const P2P_Q0_64_FIRE: Scenario = Scenario {
    name: "p2p-q0-64-fire",
    work: Work {
        pace: Pace::Fire,
        ..P2P_Q0_64_CLOSED.work
    },
    ..P2P_Q0_64_CLOSED
};

/// Bursts of 100, because that is how many brokers allow to be in flight.
const P2P_Q1_64: Scenario = Scenario {
    name: "p2p-q1-64",
    work: Work {
        qos: QoS::AtLeastOnce,
        pace: Pace::Window {
            messages: 100,
            at_once: 10,
        },
        ..P2P_Q0_64_CLOSED.work
    },
    ..P2P_Q0_64_CLOSED
};

/// All four packets of each exchange, on both sides.
const P2P_Q2_64: Scenario = Scenario {
    name: "p2p-q2-64",
    work: Work {
        qos: QoS::ExactlyOnce,
        ..P2P_Q1_64.work
    },
    ..P2P_Q1_64
};

const MQ5_P2P_Q1_64: Scenario = Scenario {
    name: "mq5-p2p-q1-64",
    version: Version::V5,
    ..P2P_Q1_64
};

const P2P_Q0_1K: Scenario = Scenario {
    name: "p2p-q0-1k",
    work: Work {
        payload: 1024,
        ..P2P_Q0_64_CLOSED.work
    },
    ..P2P_Q0_64_CLOSED
};

const P2P_Q1_1K: Scenario = Scenario {
    name: "p2p-q1-1k",
    work: Work {
        payload: 1024,
        ..P2P_Q1_64.work
    },
    ..P2P_Q1_64
};

/// Bursts of 16, which is 1 MiB for each pair: no broker's bound of what may wait for one client.
const P2P_Q0_64K: Scenario = Scenario {
    name: "p2p-q0-64k",
    work: Work {
        payload: 64 * 1024,
        pace: Pace::Window {
            messages: 16,
            at_once: 10,
        },
        ..P2P_Q0_64_CLOSED.work
    },
    ..P2P_Q0_64_CLOSED
};

const P2P_Q1_64K: Scenario = Scenario {
    name: "p2p-q1-64k",
    work: Work {
        qos: QoS::AtLeastOnce,
        ..P2P_Q0_64K.work
    },
    ..P2P_Q0_64K
};

/// A hundred pairs with one message under way each: every message travels alone.
const P2P_Q0_100X1: Scenario = Scenario {
    name: "p2p-q0-100x1",
    work: Work {
        shape: Shape::Pairs(100),
        pace: Pace::Window {
            messages: 1,
            at_once: 100,
        },
        ..P2P_Q0_64_CLOSED.work
    },
    ..P2P_Q0_64_CLOSED
};

const P2P_Q1_100X1: Scenario = Scenario {
    name: "p2p-q1-100x1",
    work: Work {
        qos: QoS::AtLeastOnce,
        ..P2P_Q0_100X1.work
    },
    ..P2P_Q0_100X1
};

/// One pair with one message under way: the broker sleeps between any two.
const P2P_Q1_W1: Scenario = Scenario {
    name: "p2p-q1-w1",
    work: Work {
        shape: Shape::Pairs(1),
        ..P2P_Q1_100X1.work
    },
    ..P2P_Q1_100X1
};

/// Bursts of eight to a thousand subscribers, so that up to eight messages share a write.
const FAN1000_Q0: Scenario = Scenario {
    name: "fan1000-q0",
    work: Work {
        shape: Shape::FanOut(1000),
        pace: Pace::Window {
            messages: 8,
            at_once: 1,
        },
        ..P2P_Q0_64_CLOSED.work
    },
    ..P2P_Q0_64_CLOSED
};

const FAN1000_Q1: Scenario = Scenario {
    name: "fan1000-q1",
    work: Work {
        qos: QoS::AtLeastOnce,
        ..FAN1000_Q0.work
    },
    ..FAN1000_Q0
};

const FAN5000_Q0: Scenario = Scenario {
    name: "fan5000-q0",
    work: Work {
        shape: Shape::FanOut(5000),
        ..FAN1000_Q0.work
    },
    ..FAN1000_Q0
};

/// A thousand publishers send bursts of ten, a hundred of them at a time: what waits for the subscriber stays within a thousand messages.
const FANIN1000_Q0: Scenario = Scenario {
    name: "fanin1000-q0",
    work: Work {
        shape: Shape::FanIn(1000),
        pace: Pace::Window {
            messages: 10,
            at_once: 100,
        },
        ..P2P_Q0_64_CLOSED.work
    },
    ..P2P_Q0_64_CLOSED
};

const FANIN1000_Q1: Scenario = Scenario {
    name: "fanin1000-q1",
    work: Work {
        qos: QoS::AtLeastOnce,
        ..FANIN1000_Q0.work
    },
    ..FANIN1000_Q0
};

/// All packets of a burst in one frame, as clients that write a whole buffer do.
const WS_P2P_Q0_64: Scenario = Scenario {
    name: "ws-p2p-q0-64",
    transport: Transport::WebSocket,
    ..P2P_Q0_64_CLOSED
};

const TLS_P2P_Q0_64: Scenario = Scenario {
    name: "tls-p2p-q0-64",
    transport: Transport::Tls,
    ..P2P_Q0_64_CLOSED
};

const TLS_P2P_Q0_1K: Scenario = Scenario {
    name: "tls-p2p-q0-1k",
    transport: Transport::Tls,
    ..P2P_Q0_1K
};

/// Twenty pairs, each message on time: 2,000 a second in all.
const LAT_Q0_2K: Scenario = Scenario {
    name: "lat-q0-2k",
    work: Work {
        shape: Shape::Pairs(20),
        pace: Pace::Rate(2_000),
        ..P2P_Q0_64_CLOSED.work
    },
    ..P2P_Q0_64_CLOSED
};

const LAT_Q1_2K: Scenario = Scenario {
    name: "lat-q1-2k",
    work: Work {
        qos: QoS::AtLeastOnce,
        ..LAT_Q0_2K.work
    },
    ..LAT_Q0_2K
};

const LAT_Q0_20K: Scenario = Scenario {
    name: "lat-q0-20k",
    work: Work {
        pace: Pace::Rate(20_000),
        ..LAT_Q0_2K.work
    },
    ..LAT_Q0_2K
};
