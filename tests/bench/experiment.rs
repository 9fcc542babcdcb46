// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Everything that can be measured, by name: the streams of the load generator and the costs.

use std::path::Path;
use std::time::Duration;

use mqtt_proto::Version;

use crate::contestant::{Contestant, Ground, Running, Wish};
use crate::costs;
use crate::figure::*;
use crate::load::scenarios::{SCENARIOS, Scenario};
use crate::load::{Pace, Transport};

/// Something that every broker is put through.
pub struct Experiment {
    pub name: &'static str,
    pub wish: Wish,
    /// What stands in the table of costs, in this order.
    pub rows: &'static [&'static Figure],
    /// It takes long and its figures hardly move: one turn is enough.
    pub once: bool,
    /// Whether a broker that only copies bytes to exact topics can do it.
    pub has_ceiling: bool,
    measure: Measure,
}

enum Measure {
    Stream(&'static Scenario),
    Cost(fn(&Stage) -> Result<Figures, String>),
}

/// What a measurement may use.
pub struct Stage<'a> {
    pub contestant: &'a Contestant,
    pub ground: &'a Ground,
    pub wish: &'a Wish,
    /// How long a stream flows.
    pub length: Duration,
    /// A folder on a file system of its own; none where only root could make it.
    pub disk: Option<&'a Path>,
}

impl Stage<'_> {
    /// The broker as the experiment wishes it.
    pub fn start(&self) -> Result<Running, String> {
        self.contestant.start(self.wish, self.ground)
    }
}

impl Experiment {
    /// One turn with one broker on a fresh process.
    pub fn run(&self, stage: &Stage) -> Result<Figures, String> {
        match self.measure {
            Measure::Stream(scenario) => crate::stream::run(scenario, stage),
            Measure::Cost(measure) => measure(stage),
        }
    }
}

/// All of them, in the order of the tables.
pub fn all() -> Vec<Experiment> {
    let streams = SCENARIOS.iter().map(stream);
    streams.chain(COSTS.iter().map(cost)).collect()
}

fn stream(scenario: &'static Scenario) -> Experiment {
    let rows: &[&Figure] = match scenario.work.pace {
        Pace::Rate(_) => &LATENCIES,
        _ => &MESSAGES,
    };
    Experiment {
        name: scenario.name,
        wish: Wish {
            transport: scenario.transport,
            version: scenario.version,
            limits: match scenario.name {
                name if name.starts_with("fan5000") => MANY_CONNECTIONS,
                _ => "",
            },
            durable: false,
        },
        rows,
        // What a broker has let pile up takes long to come, and some take seconds for 5,000 clients.
        once: scenario.work.pace == Pace::Fire || scenario.name.starts_with("fan5000"),
        has_ceiling: scenario.transport == Transport::Tcp,
        measure: Measure::Stream(scenario),
    }
}

/// A cost as the table has it.
struct Cost {
    name: &'static str,
    rows: &'static [&'static Figure],
    limits: &'static str,
    once: bool,
    has_ceiling: bool,
    measure: fn(&Stage) -> Result<Figures, String>,
}

fn cost(cost: &'static Cost) -> Experiment {
    Experiment {
        name: cost.name,
        wish: Wish {
            transport: Transport::Tcp,
            version: Version::V311,
            limits: cost.limits,
            durable: cost.name.starts_with("durable"),
        },
        rows: cost.rows,
        once: cost.once,
        has_ceiling: cost.has_ceiling,
        measure: Measure::Cost(cost.measure),
    }
}

/// Rows of a stream, and of one at a steady pace.
static MESSAGES: [&Figure; 1] = [&CPU];
static LATENCIES: [&Figure; 5] = [&P50, &P99, &P999, &LONGEST, &CPU];

static COSTS: [Cost; 12] = [
    Cost {
        name: "calls-q0-100x1",
        rows: &[&CALLS],
        limits: "",
        once: true,
        has_ceiling: true,
        measure: |stage| costs::calls::measure(stage, "p2p-q0-100x1"),
    },
    Cost {
        name: "calls-q1-100x1",
        rows: &[&CALLS],
        limits: "",
        once: true,
        has_ceiling: true,
        measure: |stage| costs::calls::measure(stage, "p2p-q1-100x1"),
    },
    Cost {
        name: "idle-10k",
        rows: &[&CONNECT, &PER_CONNECTION, &WAKEUPS],
        limits: MANY_CONNECTIONS,
        once: false,
        has_ceiling: true,
        measure: costs::connections::measure,
    },
    Cost {
        name: "wild-10k",
        rows: &[&SUBSCRIBE, &PER_SUBSCRIPTION, &MATCH2, &NOMATCH],
        limits: "",
        once: true,
        has_ceiling: false,
        measure: |stage| costs::wild::measure(stage, 10_000),
    },
    Cost {
        name: "wild-100k",
        rows: &[&SUBSCRIBE, &PER_SUBSCRIPTION, &MATCH2, &NOMATCH],
        limits: "",
        once: true,
        has_ceiling: false,
        measure: |stage| costs::wild::measure(stage, 100_000),
    },
    Cost {
        name: "wild-1m",
        rows: &[&SUBSCRIBE, &PER_SUBSCRIPTION, &MATCH2, &NOMATCH],
        limits: "",
        once: true,
        has_ceiling: false,
        measure: |stage| costs::wild::measure(stage, 1_000_000),
    },
    Cost {
        name: "retained-100k",
        rows: &[&STORE, &PER_RETAINED, &FETCH],
        limits: "",
        once: false,
        has_ceiling: false,
        measure: costs::retained::measure,
    },
    Cost {
        name: "backlog-1000x100",
        rows: &[&FILL, &PER_QUEUED, &DRAIN],
        limits: "",
        once: true,
        has_ceiling: false,
        measure: costs::backlog::measure,
    },
    Cost {
        name: "slow-mem-q0",
        rows: &[&CALM, &MEANWHILE, &KEPT],
        limits: "",
        once: true,
        has_ceiling: false,
        measure: |stage| costs::slow::measure(stage, "slow-mem-q0"),
    },
    Cost {
        name: "slow-mem-q1",
        rows: &[&CALM, &MEANWHILE, &KEPT],
        limits: "",
        once: true,
        has_ceiling: false,
        measure: |stage| costs::slow::measure(stage, "slow-mem-q1"),
    },
    Cost {
        name: "durable-q1-50x20",
        rows: &[&ACKNOWLEDGED, &CPU],
        limits: "max_queued_messages = 1000000\nmax_queued_bytes = 1073741824",
        once: false,
        has_ceiling: false,
        measure: costs::durable::measure,
    },
    Cost {
        name: "start",
        rows: &[&START, &IDLE_MEMORY, &BINARY],
        limits: "",
        once: true,
        has_ceiling: true,
        measure: costs::start::measure,
    },
];

/// More than the 10,000 connections, and more of them in a second, than are let in by default.
const MANY_CONNECTIONS: &str = "max_connections = 20000\nmax_connect_rate = 0";
