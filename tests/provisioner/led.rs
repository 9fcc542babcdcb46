// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The activity LED, a folder of files as the kernel shows it, while the device changes.

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::PathBuf;

use provisioner::system::{CallError, Disk, UnitView, UnitViews};
use provisioner::{Places, follow};

/// The word of the report, the broker's state, and what it says.
type State<'a> = (Option<&'a str>, &'a str, &'a str);

const OFFERED: &str = "none rc-feedback [mmc0] timer heartbeat pattern\n";
const TWO: &str = "255 200 255 0 0 300 0 0 255 200 255 0 0 300 0 0 0 1500 0 0";

#[test]
fn it_blinks_for_each_fault_and_is_given_back_in_the_end() {
    let device = Device::new("ACT", OFFERED);
    let seen = device.follow(&[
        (Some("applied"), "active", "1 client on 1 listener, 0 msg/s"),
        (Some("refused"), "active", "1 client on 1 listener, 0 msg/s"),
        (
            Some("refused"),
            "active",
            "locked: /etc/broker/broker.toml is missing",
        ),
        (
            Some("applied"),
            "active",
            "1 client on 1 listener, 0 msg/s; the store has FAILED: nothing is kept",
        ),
        (Some("applied"), "failed", ""),
        (Some("applied"), "active", "1 client on 1 listener, 0 msg/s"),
    ]);
    let blinks: Vec<_> = seen
        .iter()
        .map(|(trigger, pattern)| match trigger.as_str() {
            "pattern" => pattern.matches("255 200 255 0").count(),
            _ => 0,
        })
        .collect();
    assert_eq!(blinks, [0, 2, 3, 4, 5, 0]);
    assert_eq!(seen[1], ("pattern".to_owned(), TWO.to_owned()));
    assert_eq!(device.led("trigger"), "mmc0");
}

#[test]
fn a_sign_that_stays_is_neither_written_nor_told_again() {
    let device = Device::new("ACT", OFFERED);
    let locked = (None, "active", "locked: x");
    device.follow(&[locked, locked, locked]);
    assert_eq!(
        device.told.borrow().as_slice(),
        ["3 blinks: the broker is locked and lets nobody in"]
    );
}

#[test]
fn its_own_trigger_is_remembered_when_systemd_is_lost() {
    let device = Device::new("led0", "none mmc0 [heartbeat] pattern\n");
    device.becomes(None, "inactive", "");
    let lost = device.run(&mut || {
        device.settle();
        device.is_lost.set(true);
        true
    });
    assert!(lost.unwrap_err().contains("asking systemd"));
    assert!(
        device
            .text("sys/class/leds/led0/trigger")
            .contains("[pattern]")
    );
    device.is_lost.set(false);
    device.follow(&[(Some("applied"), "active", "")]);
    assert_eq!(device.led("trigger"), "heartbeat");
}

#[test]
fn a_heart_that_beats_twice_does_not_look_like_two_blinks() {
    let device = Device::new("ACT", "none mmc0 [heartbeat] pattern\n");
    let well = (Some("applied"), "active", "1 client on 1 listener, 0 msg/s");
    let seen = device.follow(&[well]);
    assert_eq!(seen[0].0, "mmc0");
    assert_eq!(device.led("trigger"), "heartbeat", "given back");
    let without_card = Device::new("ACT", "none [heartbeat] pattern\n");
    assert_eq!(without_card.follow(&[well])[0].0, "heartbeat");
}

#[test]
fn a_kernel_without_patterns_shows_at_least_that_something_is_wrong() {
    let cases = [
        ("none [mmc0] timer\n", "timer", "100", ""),
        ("none [mmc0]\n", "none", "", "255"),
    ];
    for (offered, trigger, delay, brightness) in cases {
        let device = Device::new("ACT", offered);
        let seen = device.follow(&[(None, "inactive", "")]);
        assert_eq!(seen[0].0, trigger);
        assert_eq!(device.led("delay_on"), delay);
        assert_eq!(device.led("brightness"), brightness);
        assert_eq!(device.led("trigger"), "mmc0", "{offered}");
    }
}

#[test]
fn a_machine_without_the_led_is_fine_and_says_so() {
    let device = Device::new("input3::capslock", OFFERED);
    assert!(device.follow(&[(None, "inactive", "")]).is_empty());
    assert!(device.told.borrow()[0].contains("no activity LED"));
    assert_eq!(device.led("trigger"), OFFERED.trim_end());
}

#[test]
fn an_led_that_cannot_be_written_is_an_error_with_its_path() {
    let device = Device::new("ACT", OFFERED);
    fs::remove_file(device.path("sys/class/leds/ACT/pattern")).unwrap();
    fs::create_dir(device.path("sys/class/leds/ACT/pattern")).unwrap();
    device.becomes(Some("applied"), "inactive", "");
    let error = device.run(&mut || false).unwrap_err();
    assert!(error.contains("leds/ACT/pattern"), "{error}");
}

/// A machine with one LED, below a folder of its own.
struct Device {
    root: tempfile::TempDir,
    name: &'static str,
    broker: RefCell<UnitView>,
    told: RefCell<Vec<String>>,
    /// Whether systemd answers no more.
    is_lost: Cell<bool>,
}

impl Device {
    fn new(name: &'static str, triggers: &str) -> Self {
        let device = Self {
            root: tempfile::tempdir().unwrap(),
            name,
            broker: RefCell::default(),
            told: RefCell::default(),
            is_lost: Cell::default(),
        };
        fs::create_dir_all(device.path("boot/firmware")).unwrap();
        fs::create_dir_all(device.path(&format!("sys/class/leds/{name}"))).unwrap();
        device.set("trigger", triggers);
        device.set("max_brightness", "255\n");
        for file in ["pattern", "delay_on", "delay_off", "brightness"] {
            device.set(file, "");
        }
        device
    }

    /// Trigger and pattern after each look at these states.
    fn follow(&self, states: &[State]) -> Vec<(String, String)> {
        let mut seen = Vec::new();
        let mut states = states.iter();
        let mut next = || match states.next() {
            Some((result, active, status)) => {
                self.becomes(*result, active, status);
                true
            }
            None => false,
        };
        next();
        let mut pause = || {
            seen.push((self.led("trigger"), self.led("pattern")));
            self.settle();
            next()
        };
        self.run(&mut pause).unwrap();
        seen
    }

    fn run(&self, pause: &mut dyn FnMut() -> bool) -> Result<(), String> {
        let places = Places::below(self.root.path(), None);
        let mut tell = |text: &str| self.told.borrow_mut().push(text.to_owned());
        let ended = follow(&Disk, &places, self, &mut |_| pause(), &mut tell);
        ended.map_err(|error| error.to_string())
    }

    fn becomes(&self, result: Option<&str>, active: &str, status: &str) {
        if let Some(result) = result {
            let report = format!("{{\"result\": \"{result}\"}}");
            fs::write(self.path("boot/firmware/broker-report.json"), report).unwrap();
        }
        let mut broker = self.broker.borrow_mut();
        (broker.active, broker.status) = (active.to_owned(), status.to_owned());
    }

    /// Does what a kernel does with a trigger's name: shows it in brackets among the others.
    fn settle(&self) {
        let text = self.text(&format!("sys/class/leds/{}/trigger", self.name));
        let Some((written, _)) = text
            .split_once('\n')
            .filter(|(line, _)| !line.contains(' '))
        else {
            return;
        };
        let offered = ["none", "mmc0", "timer", "heartbeat", "pattern"];
        let shown = offered.map(|name| match name == written {
            true => format!("[{name}]"),
            false => name.to_owned(),
        });
        self.set("trigger", &shown.join(" "));
        self.set("pattern", "");
    }

    /// The first line of a file of the LED: what was written last.
    fn led(&self, file: &str) -> String {
        let text = self.text(&format!("sys/class/leds/{}/{file}", self.name));
        text.lines().next().unwrap_or_default().to_owned()
    }

    fn set(&self, file: &str, text: &str) {
        fs::write(
            self.path(&format!("sys/class/leds/{}/{file}", self.name)),
            text,
        )
        .unwrap();
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }
}

impl UnitViews for Device {
    fn view(&self, unit: &str) -> Result<UnitView, CallError> {
        match (self.is_lost.get(), unit) {
            (true, _) => Err(CallError::TimedOut),
            (false, "broker.service") => Ok(self.broker.borrow().clone()),
            _ => Ok(UnitView::default()),
        }
    }
}
