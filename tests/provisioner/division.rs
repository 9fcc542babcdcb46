// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the report says of the card's partitions, and what is left alone while the one with the device's state is not there.

use crate::scene::{Scene, places};

const FILE: &str = "version = 1\n[[user]]\nusername = \"one\"\npassword = \"hunter2-long\"\n";
const DAMAGED: &str = "/dev/mmcblk0p3 has errors that e2fsck does not repair by itself\n";

#[test]
fn the_report_says_how_the_card_is_divided() {
    let cases = [
        (
            "state 6036\n",
            "CARD\n  Settings and messages lie on a partition of their own, 5.8 GiB.\n\n",
        ),
        (
            "state 21297 forgotten\n",
            "of their own, 20.7 GiB.\n  The root file system is read-only",
        ),
        (
            "root\n",
            "CARD\n  This card has no partition of its own for settings and messages",
        ),
    ];
    for (told, expected) in cases {
        let scene = Scene::with_file(FILE);
        scene.card.put(&places().division, told.as_bytes());
        scene.boot().1.unwrap();
        assert!(scene.report().contains(expected), "{}", scene.report());
    }
    for told in ["", "state\n", "state many\n", "elsewhere\n"] {
        let scene = Scene::with_file(FILE);
        scene.card.put(&places().division, told.as_bytes());
        scene.boot().1.unwrap();
        assert!(!scene.report().contains("CARD"), "{}", scene.report());
    }
}

#[test]
fn a_device_without_its_state_takes_nothing_makes_nothing_and_says_why() {
    // The root partition below the mount that is missing: as on a device that was never started.
    let scene = Scene::with_file(FILE);
    let reset = places().boot.join("factory-reset");
    scene.card.put(&reset, b"raspberrypi");
    scene.card.put(&places().division_fault, DAMAGED.as_bytes());
    let (lines, written) = scene.boot();
    written.unwrap();
    let report = scene.report();
    assert!(report.contains("NOT TAKEN\n  broker.toml was not read: settings and messages cannot be reached: /dev/mmcblk0p3 has errors"), "{report}");
    assert!(
        report.contains("The broker does not start and nothing was changed"),
        "{report}"
    );
    assert!(
        lines
            .iter()
            .any(|(_, line)| line.contains("cannot be reached")),
        "{lines:?}"
    );
    assert!(scene.machine.screen.borrow().contains("cannot be reached"));
    for made in [
        places().desired,
        places().stamp,
        places().configuration,
        places().authority,
        places().firewall,
    ] {
        assert_eq!(scene.card.text(&made), None, "{made:?}");
    }
    assert!(
        scene
            .card
            .text(&crate::scene::file())
            .unwrap()
            .contains("hunter2-long")
    );
    assert!(scene.card.text(&reset).is_some());
    assert_eq!(scene.machine.starts.get(), 0);
    // Once it is mounted again, all goes on.
    scene.card.take_away(&places().division_fault);
    scene.card.take_away(&reset);
    scene.boot().1.unwrap();
    assert!(scene.admits("one", "hunter2-long"));
}
