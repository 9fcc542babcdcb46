// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The calls on D-Bus, answered by doubles of systemd, hostnamed and timedated at the other end of a socket.

use std::sync::{Arc, Mutex};

use provisioner::system::{
    BrokerService, Bus, CallError, HostName, Hostnamed, LocalTime, Systemd, Timedated, UnitState,
    UnitView, UnitViews, Units, Viewer,
};
use tokio::net::UnixStream;
use tokio::runtime::Runtime;
use zbus::connection::Builder;
use zbus::zvariant::{ObjectPath, OwnedObjectPath};
use zbus::{Guid, fdo, interface};

/// What the doubles were told, in order.
type Told = Arc<Mutex<Vec<String>>>;

#[test]
fn the_host_name_is_read_and_set() {
    let (bus, _peer, told) = bus();
    assert_eq!(Hostnamed(&bus).current().unwrap(), "raspberrypi");
    Hostnamed(&bus).set("plant-2").unwrap();
    assert_eq!(*told.lock().unwrap(), ["SetStaticHostname plant-2 false"]);
}

#[test]
fn the_time_zone_is_read_and_set() {
    let (bus, _peer, told) = bus();
    assert_eq!(Timedated(&bus).zone().unwrap(), "Etc/UTC");
    assert!(Timedated(&bus).is_synchronised().unwrap());
    Timedated(&bus).set_zone("Asia/Tokyo").unwrap();
    assert!(!Timedated(&bus).follows_servers().unwrap());
    Timedated(&bus).follow_servers().unwrap();
    assert_eq!(
        *told.lock().unwrap(),
        ["SetTimezone Asia/Tokyo false", "SetNTP true false"]
    );
}

#[test]
fn a_refusal_carries_the_words_of_the_one_who_refused() {
    let (bus, _peer, _) = bus();
    let error = Timedated(&bus).set_zone("Mars/Olympus").unwrap_err();
    let CallError::Refused(cause) = error else {
        panic!("{error:?}")
    };
    assert!(cause.to_string().contains("no such zone"), "{cause}");
}

#[test]
fn the_broker_is_asked_for_reloaded_and_started() {
    let (bus, _peer, told) = bus();
    assert!(Systemd(&bus).is_running().unwrap());
    assert!(!Systemd(&bus).is_stopped().unwrap());
    Systemd(&bus).reload().unwrap();
    BrokerService::start(&Systemd(&bus)).unwrap();
    let asked = ["ReloadUnit", "StartUnit"].map(|verb| format!("{verb} broker.service replace"));
    assert_eq!(*told.lock().unwrap(), asked);
}

#[test]
fn a_unit_is_seen_as_systemctl_shows_it() {
    let (bus, _peer, _) = bus();
    let expected = UnitView {
        active: "active".to_owned(),
        sub: "running".to_owned(),
        result: "success".to_owned(),
        status: "locked: no settings".to_owned(),
        restarts: 2,
    };
    assert_eq!(Viewer(&bus).view("broker.service").unwrap(), expected);
}

#[test]
fn units_are_changed_without_waiting_for_a_job() {
    let (bus, _peer, told) = bus();
    let units: &dyn Units = &Systemd(&bus);
    units.enable("ssh.service").unwrap();
    units.start("ssh.service").unwrap();
    units.try_restart("systemd-timesyncd.service").unwrap();
    units.stop("ssh.service").unwrap();
    units.disable("ssh.service").unwrap();
    assert_eq!(
        *told.lock().unwrap(),
        [
            "EnableUnitFiles ssh.service false false",
            "StartUnit ssh.service replace",
            "TryRestartUnit systemd-timesyncd.service replace",
            "StopUnit ssh.service replace",
            "DisableUnitFiles ssh.service false",
        ]
    );
}

#[test]
fn a_unit_whose_start_waits_runs_and_one_without_a_file_does_not() {
    let (bus, _peer, _) = bus();
    let waiting = UnitState {
        is_installed: true,
        is_enabled: true,
        runs: true,
        has_failed: false,
    };
    assert_eq!(Systemd(&bus).state("ssh.service").unwrap(), waiting);
    let none = Systemd(&bus).state("none.service").unwrap();
    assert_eq!(none, UnitState::default());
}

#[test]
fn a_program_that_never_answers_is_given_up() {
    let runtime = runtime(true);
    let (ours, _theirs) = runtime.block_on(connect(Told::default()));
    let silent = Bus::over(runtime, ours);
    assert!(matches!(
        Hostnamed(&silent).set("silence"),
        Err(CallError::TimedOut)
    ));
}

struct HostnameDouble(Told);

#[interface(name = "org.freedesktop.hostname1")]
impl HostnameDouble {
    #[zbus(property)]
    fn static_hostname(&self) -> String {
        "raspberrypi".to_owned()
    }

    async fn set_static_hostname(&self, name: String, interactive: bool) {
        if name == "silence" {
            std::future::pending::<()>().await;
        }
        self.0
            .lock()
            .unwrap()
            .push(format!("SetStaticHostname {name} {interactive}"));
    }
}

struct TimeDouble(Told);

#[interface(name = "org.freedesktop.timedate1")]
impl TimeDouble {
    #[zbus(property)]
    fn timezone(&self) -> String {
        "Etc/UTC".to_owned()
    }

    #[zbus(property, name = "NTPSynchronized")]
    fn ntp_synchronized(&self) -> bool {
        true
    }

    #[zbus(property, name = "NTP")]
    fn ntp(&self) -> bool {
        false
    }

    #[zbus(name = "SetNTP")]
    fn set_ntp(&self, on: bool, interactive: bool) {
        self.0
            .lock()
            .unwrap()
            .push(format!("SetNTP {on} {interactive}"));
    }

    fn set_timezone(&self, name: String, interactive: bool) -> fdo::Result<()> {
        if name.starts_with("Mars") {
            return Err(fdo::Error::InvalidArgs("no such zone".to_owned()));
        }
        self.0
            .lock()
            .unwrap()
            .push(format!("SetTimezone {name} {interactive}"));
        Ok(())
    }
}

struct ManagerDouble(Told);

#[interface(name = "org.freedesktop.systemd1.Manager")]
impl ManagerDouble {
    fn reload_unit(&self, unit: String, mode: String) -> OwnedObjectPath {
        self.job(format!("ReloadUnit {unit} {mode}"))
    }

    fn start_unit(&self, unit: String, mode: String) -> OwnedObjectPath {
        self.job(format!("StartUnit {unit} {mode}"))
    }

    fn stop_unit(&self, unit: String, mode: String) -> OwnedObjectPath {
        self.job(format!("StopUnit {unit} {mode}"))
    }

    fn try_restart_unit(&self, unit: String, mode: String) -> OwnedObjectPath {
        self.job(format!("TryRestartUnit {unit} {mode}"))
    }

    fn get_unit_file_state(&self, _unit: String) -> String {
        "enabled".to_owned()
    }

    fn enable_unit_files(
        &self,
        units: Vec<String>,
        runtime: bool,
        force: bool,
    ) -> (bool, Vec<(String, String, String)>) {
        self.job(format!(
            "EnableUnitFiles {} {runtime} {force}",
            units.join(" ")
        ));
        (true, Vec::new())
    }

    fn disable_unit_files(
        &self,
        units: Vec<String>,
        runtime: bool,
    ) -> Vec<(String, String, String)> {
        self.job(format!("DisableUnitFiles {} {runtime}", units.join(" ")));
        Vec::new()
    }
}

impl ManagerDouble {
    fn job(&self, told: String) -> OwnedObjectPath {
        self.0.lock().unwrap().push(told);
        path("/org/freedesktop/systemd1/job/1")
    }
}

fn path(text: &'static str) -> OwnedObjectPath {
    ObjectPath::from_static_str_unchecked(text).into()
}

/// What systemd says of a unit: load state, active state, the number of its job.
struct UnitDouble(&'static str, &'static str, u32);

#[interface(name = "org.freedesktop.systemd1.Unit")]
impl UnitDouble {
    #[zbus(property)]
    fn load_state(&self) -> String {
        self.0.to_owned()
    }

    #[zbus(property)]
    fn active_state(&self) -> String {
        self.1.to_owned()
    }

    #[zbus(property)]
    fn job(&self) -> (u32, OwnedObjectPath) {
        (self.2, path("/"))
    }

    #[zbus(property)]
    fn sub_state(&self) -> String {
        "running".to_owned()
    }
}

struct ServiceDouble;

#[interface(name = "org.freedesktop.systemd1.Service")]
impl ServiceDouble {
    #[zbus(property)]
    fn result(&self) -> String {
        "success".to_owned()
    }

    #[zbus(property)]
    fn status_text(&self) -> String {
        "locked: no settings".to_owned()
    }

    #[zbus(property, name = "NRestarts")]
    fn restarts(&self) -> u32 {
        2
    }
}

/// A bus with all doubles on it, their end of the socket, and what they were told.
fn bus() -> (Bus, zbus::Connection, Told) {
    let told = Told::default();
    let runtime = runtime(false);
    let (ours, theirs) = runtime.block_on(connect(told.clone()));
    (Bus::over(runtime, ours), theirs, told)
}

/// `paused` makes the clock jump to the next time limit whenever nothing else can happen.
fn runtime(paused: bool) -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(paused)
        .build()
        .unwrap()
}

async fn connect(told: Told) -> (zbus::Connection, zbus::Connection) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let guid = Guid::generate();
    let systemd = "/org/freedesktop/systemd1";
    let serve = || {
        Builder::unix_stream(theirs)
            .server(guid)?
            .p2p()
            .serve_at("/org/freedesktop/hostname1", HostnameDouble(told.clone()))?
            .serve_at("/org/freedesktop/timedate1", TimeDouble(told.clone()))?
            .serve_at(systemd, ManagerDouble(told))?
            .serve_at(
                format!("{systemd}/unit/broker_2eservice"),
                UnitDouble("loaded", "active", 0),
            )?
            .serve_at(
                format!("{systemd}/unit/ssh_2eservice"),
                UnitDouble("loaded", "inactive", 7),
            )?
            .serve_at(
                format!("{systemd}/unit/none_2eservice"),
                UnitDouble("not-found", "inactive", 0),
            )?
            .serve_at(format!("{systemd}/unit/broker_2eservice"), ServiceDouble)
    };
    let theirs = serve().unwrap().build();
    let ours = Builder::unix_stream(ours).p2p().build();
    let (ours, theirs) = tokio::try_join!(ours, theirs).unwrap();
    (ours, theirs)
}
