// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Cable and Wi-Fi: what NetworkManager is told, and what the report says, from start to start.

use provisioner::system::Files;
use provisioner::system::network_manager::{Arrival, DeviceState, Medium, Radio};

use crate::manager::device;
use crate::scene::{Scene, file, places};

const BARE: &str = "version = 1\n[broker]\nallow_anonymous = true\n";
const CABLE: &str = "[ethernet]\nmethod = \"static\"\naddress = \"192.0.2.10/24\"\n";
const RADIO: &str = "[wlan]\nssid = \"plant-2\"\npassword = \"blue-Kettle-7\"\ncountry = \"JP\"\n";
/// NetworkManager's reasons (NMDeviceStateReason).
const NO_ADDRESS: u32 = 5;
const NO_SECRETS: u32 = 7;
const NOT_FOUND: u32 = 53;

/// A start with these tables: what NetworkManager was told, and the report that follows.
fn start(scene: &Scene, tables: &str) -> (Vec<String>, String) {
    scene.edit(&format!("{BARE}{tables}"));
    start_again(scene)
}

/// A start with the file as it is on the card.
fn start_again(scene: &Scene) -> (Vec<String>, String) {
    scene.manager.start_again();
    scene.boot().1.unwrap();
    let (lines, kept) = scene.set_up_network();
    assert!(kept);
    let told = scene.manager.take_told();
    assert!(scene.manager.told.borrow().is_empty());
    scene.boot().1.unwrap();
    let report = scene.report();
    for text in lines.iter().map(|(_, text)| text).chain([&report]) {
        assert!(!text.contains("Kettle"), "{text}");
    }
    (told, report)
}

fn contains(report: &str, parts: &[&str]) {
    for part in parts {
        assert!(report.contains(part), "{part}: {report}");
    }
}

#[test]
fn a_cable_is_set_up_once_and_left_alone_from_then_on() {
    let scene = Scene::new();
    let (told, report) = start(&scene, CABLE);
    assert_eq!(told, ["try out", "activate on eth0", "keep"]);
    contains(
        &report,
        &["APPLIED", "Ethernet: connected on eth0, 192.0.2.10/24."],
    );
    for _ in 0..10 {
        let (told, report) = start_again(&scene);
        assert!(told.is_empty(), "{told:?}");
        contains(&report, &["Ethernet: connected on eth0, 192.0.2.10/24."]);
    }
}

/// What a network in the air asks for on a machine whose radio was never used.
const FIRST_JOIN: [&str; 5] = [
    "country JP",
    "radio on",
    "try out",
    "activate on wlan0",
    "keep",
];

#[test]
fn the_country_comes_before_the_radio_and_the_radio_before_the_network() {
    let scene = Scene::new();
    let (told, report) = start(&scene, RADIO);
    assert_eq!(told, FIRST_JOIN);
    contains(&report, &["Wi-Fi: connected on wlan0"]);
    // The kernel forgets the country.
    assert_eq!(start_again(&scene).0, ["country JP"]);
}

#[test]
fn what_fails_gives_way_to_what_worked_and_is_tried_again() {
    let scene = Scene::new();
    start(&scene, RADIO);
    scene.manager.arrival.set(Some(Arrival::Failed(NO_SECRETS)));
    let (told, report) = start(&scene, &RADIO.replace("blue-Kettle-7", "red-Kettle-8"));
    let tried = [
        "country JP",
        "try out",
        "activate on wlan0",
        "roll back",
        "keep",
    ];
    assert_eq!(told, tried);
    contains(
        &report,
        &[
            "PARTLY",
            "does not accept the password",
            "what worked before is in use again",
        ],
    );
    let psk = || scene.manager.on_disk("802-11-wireless-security", "psk");
    assert_eq!(psk().as_deref(), Some("blue-Kettle-7"));
    scene.manager.arrival.set(Some(Arrival::Up));
    let (told, report) = start_again(&scene);
    assert_eq!(told, ["country JP", "try out", "activate on wlan0", "keep"]);
    contains(&report, &["APPLIED", "Wi-Fi: connected on wlan0"]);
    assert_eq!(psk().as_deref(), Some("red-Kettle-8"));
}

#[test]
fn a_refused_activation_gives_way_too() {
    let scene = Scene::new();
    scene.manager.arrival.set(None);
    let (told, report) = start(&scene, CABLE);
    assert_eq!(told, ["try out", "activate on eth0", "roll back", "remove"]);
    contains(&report, &["PARTLY", "asking NetworkManager"]);
}

#[test]
fn a_cable_in_use_gets_its_default_back_if_the_network_gives_no_address() {
    let scene = Scene::new();
    scene.manager.arrival.set(Some(Arrival::Failed(NO_ADDRESS)));
    let (told, report) = start(&scene, "[ethernet]\nmethod = \"auto\"\n");
    assert_eq!(told, ["try out", "activate on eth0", "roll back", "remove"]);
    contains(
        &report,
        &["gave no address", "what worked before is in use again"],
    );
    assert_eq!(scene.manager.disk.borrow().len(), 0);
}

#[test]
fn a_first_wrong_password_stays_because_nothing_worked_before() {
    let scene = Scene::new();
    scene.manager.arrival.set(Some(Arrival::Failed(NO_SECRETS)));
    let (told, report) = start(&scene, RADIO);
    assert_eq!(told, FIRST_JOIN);
    contains(&report, &["PARTLY", "does not accept the password"]);
    assert!(!report.contains("what worked before"), "{report}");
    // The cable is as it was.
    assert_eq!(scene.manager.devices.borrow()[0].state, DeviceState::Active);
}

#[test]
fn what_is_not_there_yet_is_waited_for() {
    let scene = Scene::new();
    scene.manager.arrival.set(Some(Arrival::Failed(NOT_FOUND)));
    scene.manager.devices.borrow_mut()[0].state = DeviceState::Unavailable;
    let (told, report) = start(&scene, &format!("{CABLE}{RADIO}"));
    let cable = ["try out", "keep"];
    let radio = [
        "country JP",
        "radio on",
        "try out",
        "activate on wlan0",
        "keep",
    ];
    assert_eq!(told, [cable.as_slice(), &radio].concat());
    contains(
        &report,
        &[
            "APPLIED",
            "Ethernet: there is no cable",
            "Wi-Fi: no network of this name",
        ],
    );
    assert_eq!(scene.manager.disk.borrow().len(), 2);
}

#[test]
fn a_table_without_effect_is_told() {
    let tables = format!("{CABLE}{RADIO}");
    let scene = Scene::new();
    scene.manager.devices.borrow_mut().clear();
    let (_, report) = start(&scene, &tables);
    let told = [
        "[ethernet] has no effect",
        "[wlan] has no effect",
        "no Ethernet port",
        "no radio",
    ];
    contains(&report, &told);

    let scene = Scene::new();
    scene.manager.devices.borrow_mut()[1].state = DeviceState::Unavailable;
    scene.manager.radio.set(Radio {
        is_on: false,
        may_be_on: false,
    });
    contains(
        &start(&scene, RADIO).1,
        &["a switch of this machine keeps its radio off"],
    );

    let scene = Scene::new();
    scene.manager.is_absent.set(true);
    let (_, report) = start(&scene, &tables);
    contains(
        &report,
        &[
            "PARTLY",
            "[ethernet] has no effect",
            "[wlan] has no effect",
            "install network-manager",
        ],
    );

    let scene = Scene::new();
    scene.manager.is_silent.set(true);
    let (_, report) = start(&scene, &tables);
    contains(
        &report,
        &[
            "PARTLY",
            "NetworkManager could not be asked: no answer within 10 seconds",
        ],
    );
}

#[test]
fn a_table_that_goes_takes_its_profile_along() {
    let scene = Scene::new();
    start(&scene, &format!("{CABLE}{RADIO}"));
    let (told, report) = start(&scene, "");
    assert_eq!(told, ["remove", "choose freely on eth0", "remove"]);
    assert!(!report.contains("NETWORK"), "{report}");
    assert!(start_again(&scene).0.is_empty());
}

#[test]
fn a_machine_changed_behind_its_back_is_as_the_file_says_again() {
    let scene = Scene::new();
    start(&scene, CABLE);
    for profile in scene.manager.disk.borrow_mut().values_mut() {
        profile.0.get_mut("ipv4").unwrap().clear();
    }
    let (told, _) = start_again(&scene);
    assert_eq!(told, ["try out", "activate on eth0", "keep"]);
    assert_eq!(
        scene.manager.on_disk("ipv4", "method").as_deref(),
        Some("manual")
    );
}

#[test]
fn the_one_of_two_cables_that_is_in_use_is_taken() {
    let scene = Scene::new();
    let idle = device("eth1", Medium::Cable, DeviceState::Unavailable);
    scene.manager.devices.borrow_mut().insert(0, idle);
    let (told, _) = start(&scene, CABLE);
    assert!(told.contains(&"activate on eth0".to_owned()), "{told:?}");
}

#[test]
fn an_edited_file_forgets_what_was_found_for_the_one_before() {
    let scene = Scene::new();
    start(&scene, CABLE);
    scene.machine.done_to_units.take();
    scene.edit(&format!(
        "{BARE}{}",
        CABLE.replace("192.0.2.10", "192.0.2.11")
    ));
    for _ in 0..2 {
        scene.boot().1.unwrap();
        contains(&scene.report(), &["Ethernet: not set up yet"]);
    }
    assert_eq!(scene.card.text(&places().network), None);
    // Once: the second run knows the file.
    let done = scene.machine.done_to_units.take();
    assert_eq!(done, ["try-restart broker-provision-network.service"]);
}

#[test]
fn the_plan_names_what_would_be_done_and_no_secret() {
    let scene = Scene::with_file(&format!("{BARE}{CABLE}{RADIO}"));
    scene.manager.take_told();
    let provisioner::Dry::Right(text) = scene.plan() else {
        panic!()
    };
    let expected = [
        "set up Ethernet: 192.0.2.10/24",
        "let the radio keep the rules of JP",
        "switch the radio on",
        "join the Wi-Fi network `plant-2`",
    ];
    contains(&text, &expected);
    assert!(!text.contains("Kettle"), "{text}");
    assert!(scene.manager.take_told().is_empty());
}

#[test]
fn after_a_factory_reset_what_was_made_for_the_owner_goes() {
    let scene = Scene::new();
    start(&scene, RADIO);
    scene.card.remove(&file()).unwrap();
    scene.card.remove(&places().desired).unwrap();
    assert_eq!(start_again(&scene).0, ["remove"]);
    assert!(scene.manager.disk.borrow().is_empty());
}

#[test]
fn the_report_is_asked_for_where_there_is_something_to_say() {
    let asked = |scene: &Scene| {
        let done = scene.machine.done_to_units.take();
        done.contains(&"start broker-provision-report.service".to_owned())
    };
    let scene = Scene::new();
    start(&scene, "");
    assert!(!asked(&scene));
    assert_eq!(scene.card.text(&places().network), None);
    for tables in [CABLE, ""] {
        start(&scene, tables);
        assert!(asked(&scene), "{tables:?}");
    }
}
