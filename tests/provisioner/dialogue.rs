// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Dialogues: somebody edits the card, the device starts, and something has or has not changed.

use std::collections::BTreeSet;

use provisioner::system::Group;
use provisioner::{Dry, Urgency};

use crate::scene::{HOSTS, Scene, file, places};

const MACHINE: &str = "version = 1\n[system]\nhostname = \"plant-2\"\n[time]\ntimezone = \"Asia/Tokyo\"\n\
                       [broker]\nallow_anonymous = true\n";
const USER: &str = "version = 1\n[[user]]\nusername = \"sensors\"\npassword = \"hunter2\"\n";
const WRONG: &str = "version = 1\n[broker]\nallow_anonymous = true\n[[user]]\nusername = \"a\"\npasword = \"secret-1\"\n";

#[test]
fn the_machine_gets_its_name_and_time_zone() {
    let scene = Scene::with_file(MACHINE);
    scene.boot().1.unwrap();
    assert_eq!(*scene.machine.host_name.borrow(), "plant-2");
    assert_eq!(*scene.machine.time_zone.borrow(), "Asia/Tokyo");
    assert!(
        scene.report().contains("mqtt://plant-2.local:1883"),
        "{}",
        scene.report()
    );
}

#[test]
fn a_file_that_says_nothing_about_the_machine_leaves_it_alone() {
    let scene = Scene::with_file(USER);
    scene.boot().1.unwrap();
    assert_eq!(*scene.machine.host_name.borrow(), "raspberrypi");
    assert_eq!(*scene.machine.time_zone.borrow(), "Etc/UTC");
    assert_eq!(scene.card.text(&places().hosts).as_deref(), Some(HOSTS));
}

#[test]
fn a_running_broker_is_told_of_a_change_and_only_then() {
    let scene = Scene::with_file(USER);
    scene.boot().1.unwrap();
    assert_eq!(scene.machine.reloads.get(), 0);
    scene.machine.broker_runs.set(true);
    scene.boot().1.unwrap();
    assert_eq!(scene.machine.reloads.get(), 0);
    scene.edit(&USER.replace("hunter2", "letmein"));
    scene.boot().1.unwrap();
    assert_eq!(scene.machine.reloads.get(), 1);
    assert!(scene.admits("sensors", "letmein"));
    assert!(!scene.admits("sensors", "hunter2"));
}

#[test]
fn the_same_file_or_the_same_password_again_changes_nothing() {
    let scene = Scene::with_file(USER);
    scene.boot().1.unwrap();
    let first = scene.card.text(&places().configuration);
    scene.boot().1.unwrap();
    scene.edit(&format!("# a remark\n{USER}"));
    let (lines, _) = scene.boot();
    assert_eq!(scene.card.text(&places().configuration), first);
    assert_eq!(
        lines,
        [(
            Urgency::Info,
            "the settings of broker.toml are in force".to_owned()
        )]
    );
}

#[test]
fn many_users_keep_their_order_and_equal_passwords_have_different_hashes() {
    let user = |name: &str| format!("[[user]]\nusername = \"{name}\"\npassword = \"same\"\n");
    let names = ["e", "a", "d", "b", "c"];
    let users: String = names.iter().map(|name| user(name)).collect();
    let scene = Scene::with_file(&format!("version = 1\n{users}"));
    scene.boot().1.unwrap();
    let users = scene.settings().unwrap().users;
    assert_eq!(
        users
            .iter()
            .map(|user| user.username.as_str())
            .collect::<Vec<_>>(),
        names
    );
    let text = scene.card.text(&places().configuration).unwrap();
    let hashes: BTreeSet<&str> = text
        .lines()
        .filter(|line| line.starts_with("password_hash"))
        .collect();
    assert_eq!(hashes.len(), names.len());
    assert!(scene.admits("d", "same"));
}

#[test]
fn a_refused_file_changes_nothing_and_stays_as_it_is() {
    let scene = Scene::with_file(USER);
    scene.boot().1.unwrap();
    let before = scene.card.text(&places().configuration);
    scene.edit(WRONG);
    let (lines, written) = scene.boot();
    written.unwrap();
    assert_eq!(scene.card.text(&places().configuration), before);
    assert_eq!(scene.card.text(&file()).as_deref(), Some(WRONG));
    assert!(scene.admits("sensors", "hunter2"));
    assert!(
        lines
            .iter()
            .any(|(urgency, text)| *urgency == Urgency::Error && text.contains("line 6")),
        "{lines:?}"
    );
}

#[test]
fn without_a_right_file_the_broker_stays_locked() {
    for text in [WRONG, "", "allow_anonymous = true"] {
        let scene = Scene::with_file(text);
        let (lines, written) = scene.boot();
        written.unwrap();
        assert_eq!(scene.card.text(&places().configuration), None);
        assert!(
            scene.report().contains("The broker is locked"),
            "{}",
            scene.report()
        );
        assert!(lines[0].1.ends_with("the broker is locked"), "{lines:?}");
    }
}

#[test]
fn a_login_is_made_only_where_nobody_could_log_in() {
    let cases = [
        ("version = 1\n", Some("mqtt"), true),
        (USER, Some("sensors"), false),
        (
            "version = 1\n[broker]\nallow_anonymous = true\n",
            None,
            false,
        ),
        (
            "version = 1\n[broker]\nallow_anonymous = false\n",
            Some("mqtt"),
            true,
        ),
    ];
    for (text, user, shown) in cases {
        let scene = Scene::with_file(text);
        scene.boot().1.unwrap();
        let users = scene.settings().unwrap().users;
        assert_eq!(
            users.first().map(|user| user.username.as_str()),
            user,
            "{text}"
        );
        assert_eq!(scene.shown_password().is_some(), shown, "{text}");
    }
}

#[test]
fn a_made_login_stays_through_edits_until_it_was_used() {
    let scene = Scene::with_file("version = 1\n");
    scene.boot().1.unwrap();
    let password = scene.shown_password().unwrap();
    scene.edit("version = 1\n[[listener]]\nport = 1884\n");
    scene.boot().1.unwrap();
    assert_eq!(scene.shown_password().as_deref(), Some(password.as_str()));
    assert!(scene.admits("mqtt", &password));
    scene.card.put(&places().first_login, b"");
    scene.boot().1.unwrap();
    assert_eq!(scene.shown_password(), None);
    assert!(scene.admits("mqtt", &password));
    assert!(!scene.card.holds(&places().boot, password.as_bytes()));
}

#[test]
fn a_login_made_after_users_were_removed_is_shown_although_somebody_logged_in_before() {
    let scene = Scene::with_file(USER);
    scene.boot().1.unwrap();
    scene.card.put(&places().first_login, b"");
    scene.edit("version = 1\n");
    for _ in 0..2 {
        scene.boot().1.unwrap();
        let password = scene.shown_password().unwrap();
        assert!(scene.admits("mqtt", &password));
        assert!(!scene.admits("sensors", "hunter2"));
    }
}

#[test]
fn a_step_that_fails_does_not_stop_the_others_and_is_tried_again() {
    let scene = Scene::with_file(MACHINE);
    scene.machine.is_silent.set(true);
    let (lines, written) = scene.boot();
    written.unwrap();
    let failed = lines
        .iter()
        .filter(|(urgency, _)| *urgency == Urgency::Error)
        .count();
    assert_eq!(failed, 2, "{lines:?}");
    assert!(scene.settings().unwrap().allow_anonymous);
    scene.machine.is_silent.set(false);
    scene.boot().1.unwrap();
    assert_eq!(*scene.machine.host_name.borrow(), "plant-2");
    assert!(scene.report().contains("\n  APPLIED\n"));
}

#[test]
fn without_the_brokers_group_its_configuration_is_not_written() {
    let mut scene = Scene::with_file(USER);
    scene.group = Group::Missing;
    scene.boot().1.unwrap();
    assert_eq!(scene.card.text(&places().configuration), None);
    assert!(
        scene.report().contains("install the package mqtt-broker"),
        "{}",
        scene.report()
    );
    scene.group = Group::Id(990);
    scene.boot().1.unwrap();
    assert!(scene.admits("sensors", "hunter2"));
}

#[test]
fn a_card_that_cannot_be_written_makes_no_login_nobody_can_read() {
    let scene = Scene::with_file("version = 1\n");
    scene.card.make_read_only(&places().boot);
    let (lines, written) = scene.boot();
    assert!(written.is_err());
    assert_eq!(scene.card.text(&places().configuration), None);
    assert!(lines[0].1.contains("new login"), "{lines:?}");
}

#[test]
fn a_card_that_cannot_be_written_is_taken_and_the_passwords_on_it_are_warned_of() {
    let scene = Scene::with_file(USER);
    scene.card.make_read_only(&places().boot);
    let (lines, written) = scene.boot();
    assert!(written.is_err());
    assert!(scene.admits("sensors", "hunter2"));
    let warned = |text: &str| lines.iter().any(|(_, line)| line.contains(text));
    assert!(warned("passwords still stand in plain text"), "{lines:?}");
    assert!(warned("report could not be written"), "{lines:?}");
}

#[test]
fn a_device_that_cannot_keep_the_settings_takes_none_and_leaves_the_card() {
    let scene = Scene::with_file(USER);
    scene.card.make_read_only(&places().state);
    scene.boot().1.unwrap();
    assert_eq!(scene.card.text(&places().configuration), None);
    assert_eq!(scene.card.text(&file()).as_deref(), Some(USER));
    assert!(scene.report().contains("NOT TAKEN"), "{}", scene.report());
}

#[test]
fn damaged_settings_on_the_device_are_told_and_replaced() {
    let scene = Scene::with_file(USER);
    scene.boot().1.unwrap();
    scene
        .card
        .put(&places().desired, b"{\"version\": 1, \"hostname\": \"x\"");
    let (lines, _) = scene.boot();
    assert!(
        lines.iter().any(|(_, line)| line.contains("are damaged")),
        "{lines:?}"
    );
    assert!(
        scene.report().contains("it has none of `sensors`"),
        "{}",
        scene.report()
    );
    assert!(scene.admits("sensors", "hunter2"));
    scene.edit(USER);
    scene.boot().1.unwrap();
    scene.boot().1.unwrap();
    assert!(scene.report().contains("APPLIED"));
}

#[test]
fn a_plan_changes_nothing_and_says_what_would_change() {
    let scene = Scene::with_file(&format!(
        "{MACHINE}[[user]]\nusername = \"sensors\"\npassword = \"hunter2\"\n"
    ));
    scene.card.cut_after(usize::MAX);
    let Dry::Right(text) = scene.plan() else {
        panic!("the file is right")
    };
    assert_eq!(scene.card.steps(), 0);
    assert_eq!(
        text,
        "take 1 password from the card\nwrite the broker's configuration\nopen TCP ports in the firewall: 1883\n\
         announce in multicast DNS: _mqtt._tcp 1883\n\
         set the host name to `plant-2`, from `raspberrypi`\n\
         name this machine `plant-2` in /etc/hosts\nset the time zone to `Asia/Tokyo`, from `Etc/UTC`\n"
    );
    scene.boot().1.unwrap();
    assert!(matches!(scene.plan(), Dry::Right(text) if text == "nothing: the machine matches\n"));
    scene.edit(WRONG);
    assert!(matches!(scene.plan(), Dry::Wrong(text) if text.contains("line 6")));
}

#[test]
fn the_status_says_what_disagrees() {
    let scene = Scene::with_file(MACHINE);
    assert!(!scene.status().in_force);
    scene.boot().1.unwrap();
    let status = scene.status();
    assert!(status.in_force, "{}", status.text);
    scene.machine.host_name.replace("other".to_owned());
    assert!(!scene.status().in_force);
    scene.boot().1.unwrap();
    scene.edit(WRONG);
    let status = scene.status();
    assert!(!status.in_force);
    assert!(status.text.contains("problems"), "{}", status.text);
}

#[test]
fn no_password_is_in_a_line_or_a_report() {
    let scene = Scene::with_file(USER);
    let (mut lines, _) = scene.boot();
    let mut told = scene.report();
    scene.edit(WRONG);
    lines.extend(scene.boot().0);
    told.push_str(&scene.report());
    let made = Scene::with_file("version = 1\n");
    lines.extend(made.boot().0);
    let password = made.shown_password().unwrap();
    for secret in ["hunter2", "secret-1", "$argon2id$"] {
        assert!(!told.contains(secret), "{told}");
    }
    for secret in ["hunter2", "secret-1", "$argon2id$", &password] {
        assert!(
            !lines.iter().any(|(_, line)| line.contains(secret)),
            "{lines:?}"
        );
    }
}

#[test]
fn an_update_that_did_not_work_is_told_and_one_that_did_is_a_note() {
    let scene = Scene::with_file(USER);
    let result = |outcome: &str| {
        format!("v=1\noutcome={outcome}\nfrom=0.1.0\nto=0.2.0\ntext=What came of 0.2.0.\n")
    };
    for (outcome, heading) in [
        ("rolled-back", "WARNINGS"),
        ("failed", "WARNINGS"),
        ("works", "NOTES"),
    ] {
        let update = &places().update_result;
        scene.card.put(update, result(outcome).as_bytes());
        scene.boot().1.unwrap();
        let report = scene.report();
        let expected = format!("{heading}\n  What came of 0.2.0.\n");
        assert!(report.contains(&expected), "{report}");
    }
}
