// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every path on which a right is asked for, with every state of the right and every kind of entry, in both versions. (R18, R19)

use std::fmt::Write;

use tests::VERSIONS;

use super::paths::{
    Cell, after_a_reload, internal, publish, resumed, retained_delivered, retained_stored, shared,
    subscribed, will_at_connect, will_when_sent,
};
use super::scene::{SHAPES, STATES, Scene};

type Path = (&'static str, fn(&Scene) -> Cell, bool);

/// A path, how it is tried, and whether messages are published on it rather than received.
const PATHS: [Path; 10] = [
    ("publish", publish, true),
    ("will at CONNECT", will_at_connect, true),
    ("will when sent", will_when_sent, true),
    ("retained stored", retained_stored, true),
    ("retained delivered", retained_delivered, false),
    ("subscribe", subscribed, false),
    ("$share by its filter", shared, false),
    ("delivery after a reload", after_a_reload, false),
    ("in flight, resumed", resumed, false),
    ("internal clients", internal, false),
];

#[test]
fn every_path_judges_every_state_of_a_right() {
    let (mut reasons, mut wrong, mut cells) = (Vec::new(), Vec::new(), 0);
    let mut table = heading();
    for (path, run, publishes) in PATHS {
        for version in VERSIONS {
            let _ = write!(table, "\n{:32}", format!("{path}, {version}"));
            for scene in Scene::all(version) {
                let (cell, expected) = (run(&scene), scene.expected(path, publishes));
                cells += 1;
                if cell.is_ok_and(|outcome| outcome != expected) {
                    wrong.push(format!("{path}, {version}, {scene}: {cell:?}"));
                }
                let _ = write!(table, "{:>14}", text(cell, &mut reasons));
            }
        }
    }
    for (index, reason) in reasons.iter().enumerate() {
        let _ = write!(table, "\n({}) {reason}", index + 1);
    }
    let _ = writeln!(table, "\n{cells} cells, {} wrong", wrong.len());
    print!("{table}");
    let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/access");
    std::fs::write(file, table).expect("a file below target can be written");
    assert!(wrong.is_empty(), "{wrong:#?}");
    let all = PATHS.len() * VERSIONS.len() * STATES.len() * SHAPES.len();
    assert_eq!(cells, all);
}

fn heading() -> String {
    let mut heading = format!("{:32}", "path");
    for state in STATES {
        for shape in SHAPES {
            let _ = write!(heading, "{:>14}", format!("{state:?} {}", shape.sign()));
        }
    }
    heading
}

/// The cell in the table; a reason is a number.
fn text(cell: Cell, reasons: &mut Vec<&'static str>) -> String {
    let reason = match cell {
        Ok(outcome) => return format!("{outcome:?}").to_lowercase(),
        Err(reason) => reason,
    };
    let known = reasons.iter().position(|known| *known == reason);
    let number = known.unwrap_or(reasons.len());
    if known.is_none() {
        reasons.push(reason);
    }
    format!("n/a ({})", number + 1)
}
