// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The calls on D-Bus, answered by doubles of systemd, hostnamed and timedated at the other end of a socket.

use std::sync::{Arc, Mutex};

use provisioner::system::{
    BrokerService, Bus, CallError, HostName, Hostnamed, LocalTime, Systemd, Timedated, UnitView,
    UnitViews, Viewer,
};
use tokio::net::UnixStream;
use tokio::runtime::Runtime;
use zbus::connection::Builder;
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
    assert_eq!(*told.lock().unwrap(), ["SetTimezone Asia/Tokyo false"]);
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
    Systemd(&bus).start().unwrap();
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
    fn reload_unit(&self, unit: String, mode: String) -> zbus::zvariant::OwnedObjectPath {
        self.job(format!("ReloadUnit {unit} {mode}"))
    }

    fn start_unit(&self, unit: String, mode: String) -> zbus::zvariant::OwnedObjectPath {
        self.job(format!("StartUnit {unit} {mode}"))
    }
}

impl ManagerDouble {
    fn job(&self, told: String) -> zbus::zvariant::OwnedObjectPath {
        self.0.lock().unwrap().push(told);
        zbus::zvariant::ObjectPath::from_static_str_unchecked("/org/freedesktop/systemd1/job/1")
            .into()
    }
}

struct UnitDouble;

#[interface(name = "org.freedesktop.systemd1.Unit")]
impl UnitDouble {
    #[zbus(property)]
    fn active_state(&self) -> String {
        "active".to_owned()
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
            .serve_at(format!("{systemd}/unit/broker_2eservice"), UnitDouble)?
            .serve_at(format!("{systemd}/unit/broker_2eservice"), ServiceDouble)
    };
    let theirs = serve().unwrap().build();
    let ours = Builder::unix_stream(ours).p2p().build();
    let (ours, theirs) = tokio::try_join!(ours, theirs).unwrap();
    (ours, theirs)
}
