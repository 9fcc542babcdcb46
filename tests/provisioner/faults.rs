// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Faults around a start: a boot partition that is full, missing or damaged, a machine changed behind its back, a clock
//! that is not set; and ten starts in a row that change nothing.
//!
//! A boot partition that cannot be written, and programs that do not answer, are in `dialogue`; two runs at once in `command`.

use std::path::{Path, PathBuf};

use provisioner::{Moment, Urgency};

use crate::scene::{Scene, file, places};

const FILE: &str = "version = 1\n[system]\nhostname = \"plant-2\"\n[time]\ntimezone = \"Asia/Tokyo\"\n\
                    [[user]]\nusername = \"sensors\"\npassword = \"hunter2-long\"\n[[listener]]\nport = 8883\ntls = true\n";

#[test]
fn on_a_full_boot_partition_passwords_are_overwritten_and_the_missing_report_is_told() {
    let scene = Scene::with_file(FILE);
    scene.card.fill(&places().boot);
    let (lines, written) = scene.boot();
    assert!(written.is_err());
    assert!(scene.admits("sensors", "hunter2-long"));
    assert!(!scene.card.holds(&places().boot, b"hunter2"));
    assert!(told(&lines, "report could not be written"), "{lines:?}");
    assert_eq!(*scene.machine.host_name.borrow(), "plant-2");
}

#[test]
fn on_a_full_boot_partition_no_login_is_made_that_nobody_can_read() {
    let scene = Scene::with_file("version = 1\n");
    scene.card.fill(&places().boot);
    let (lines, written) = scene.boot();
    assert!(written.is_err());
    assert_eq!(scene.card.text(&places().configuration), None);
    assert!(told(&lines, "new login"), "{lines:?}");
}

#[test]
fn a_report_that_fits_into_its_clusters_is_written_although_the_boot_partition_is_full() {
    let scene = started();
    scene.card.fill(&places().boot);
    scene.edit("version = 1\n[broker]\nallow_anonimous = true\n");
    scene.boot().1.unwrap();
    assert!(scene.report().contains("REFUSED"), "{}", scene.report());
}

#[test]
fn without_a_boot_partition_the_last_good_state_stays() {
    unharmed(|scene| scene.card.take_out(&places().boot));
}

#[test]
fn a_boot_partition_that_cannot_be_read_leaves_the_last_good_state() {
    unharmed(|scene| scene.card.spoil(&places().boot));
    unharmed(|scene| scene.card.spoil(&file()));
}

#[test]
fn a_damaged_file_leaves_the_last_good_state() {
    unharmed(|scene| scene.edit("\0\0\0\0"));
    unharmed(|scene| {
        scene
            .card
            .put(&file(), b"version = 1\n[[user]]\nusername = \"\xff\xfe\"\n")
    });
}

#[test]
fn without_a_boot_partition_a_new_device_is_locked() {
    let scene = Scene::new();
    scene.card.take_out(&places().boot);
    assert!(scene.boot().1.is_err());
    assert_eq!(scene.card.text(&places().configuration), None);
}

#[test]
fn what_was_changed_behind_its_back_is_put_right_at_the_next_start() {
    let scene = started();
    let right = scene.card.files();
    scene.machine.host_name.replace("other".to_owned());
    scene.machine.time_zone.replace("Europe/Vienna".to_owned());
    let open = b"version = 1\n[broker]\nallow_anonymous = true\n";
    scene.card.put(&places().configuration, open);
    scene.card.take_away(&places().firewall);
    scene.card.take_away(&announced());
    scene.card.take_away(&places().server_certificate);
    scene.card.take_away(&places().revocations);
    scene.boot().1.unwrap();
    assert_eq!(*scene.machine.host_name.borrow(), "plant-2");
    assert_eq!(*scene.machine.time_zone.borrow(), "Asia/Tokyo");
    assert!(scene.admits("sensors", "hunter2-long"));
    for path in [places().configuration, places().firewall, announced()] {
        assert_eq!(scene.card.files().get(&path), right.get(&path));
    }
    assert!(scene.card.text(&places().server_certificate).is_some());
    assert!(scene.card.text(&places().revocations).is_some());
}

#[test]
fn services_that_cannot_be_written_keep_nothing_else_from_being_done_and_are_told() {
    let scene = Scene::with_file(FILE);
    scene.card.make_read_only(&places().services);
    scene.boot().1.unwrap();
    assert!(scene.admits("sensors", "hunter2-long"));
    assert_eq!(*scene.machine.host_name.borrow(), "plant-2");
    let report = scene.report();
    assert!(report.contains("\n  PARTLY\n"), "{report}");
    assert!(
        report.contains("announce in multicast DNS: _secure-mqtt._tcp 8883: FAILED"),
        "{report}"
    );
    scene.card.make_read_only(Path::new("/nowhere"));
    scene.boot().1.unwrap();
    assert!(scene.report().contains("\n  APPLIED\n"));
    assert!(scene.card.text(&announced()).is_some());
}

#[test]
fn without_avahi_nothing_is_announced_and_nothing_is_missed() {
    let scene = Scene::with_file(FILE);
    scene.card.take_out(&places().services);
    scene.boot().1.unwrap();
    let report = scene.report();
    assert!(report.contains("\n  APPLIED\n"), "{report}");
    assert!(!report.contains("multicast DNS"), "{report}");
    assert_eq!(scene.card.text(&announced()), None);
}

#[test]
fn a_clock_of_1970_keeps_no_file_from_being_applied_and_is_told() {
    let mut scene = Scene::with_file(FILE);
    scene.now = Moment(0);
    scene.machine.is_synchronised.set(false);
    scene.boot().1.unwrap();
    assert!(scene.admits("sensors", "hunter2-long"));
    let report = scene.report();
    assert!(report.contains("\n  APPLIED\n"), "{report}");
    assert!(report.contains("(clock not yet set)"), "{report}");
    scene.boot().1.unwrap();
    let second = scene.card.files();
    scene.boot().1.unwrap();
    assert_eq!(scene.card.files(), second);
}

#[test]
fn ten_starts_in_a_row_change_no_byte_and_tell_nobody_to_do_anything() {
    let scene = started();
    scene.machine.broker_runs.set(true);
    scene.boot().1.unwrap();
    let first = scene.card.files();
    for _ in 0..10 {
        let (lines, written) = scene.boot();
        written.unwrap();
        assert_eq!(scene.card.files(), first);
        assert_eq!(
            lines,
            [(
                Urgency::Info,
                "the settings of broker.toml are in force".to_owned()
            )]
        );
    }
    assert_eq!(scene.machine.reloads.get(), 0);
}

/// What avahi announces.
fn announced() -> PathBuf {
    places().services.join("mqtt-broker.service")
}

/// A device on which the file is in force.
fn started() -> Scene {
    let scene = Scene::with_file(FILE);
    scene.boot().1.unwrap();
    scene
}

/// Such a fault of the boot partition changes nothing on a device that was started before, and is told.
fn unharmed(fault: impl FnOnce(&Scene)) {
    let scene = started();
    let device = |scene: &Scene| {
        let mut files = scene.card.files();
        files.retain(|path, _| !path.starts_with(Path::new("/boot")));
        files
    };
    let before = device(&scene);
    fault(&scene);
    let (lines, _) = scene.boot();
    assert_eq!(device(&scene), before);
    assert!(scene.admits("sensors", "hunter2-long"));
    assert!(
        lines.iter().any(|(urgency, _)| *urgency != Urgency::Info),
        "{lines:?}"
    );
}

fn told(lines: &[(Urgency, String)], words: &str) -> bool {
    lines.iter().any(|(_, line)| line.contains(words))
}
