// SPDX-License-Identifier: Apache-2.0 OR MIT
//! NetworkManager on a bus.

use std::collections::HashMap;
use std::time::Duration;

use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

use super::values::{self, Received, Sent};
use super::{Arrival, Checkpoint, Device, DeviceState, Medium, NetworkManager, Profile, Radio};
use crate::system::bus::{Bus, CallError, Peer};

/// Speaks to the NetworkManager of this machine.
pub struct Client<'a>(pub &'a Bus);

impl NetworkManager for Client<'_> {
    fn settle(&self, wants_radio: bool) -> Result<(), CallError> {
        let end = self.0.now() + SETTLING;
        loop {
            let starts: bool = self.0.property(&MANAGER, "Startup")?;
            let waits = starts || wants_radio && !self.has_a_radio()?;
            if !waits || self.0.now() >= end {
                return Ok(());
            }
            self.0.wait(PAUSE);
        }
    }

    fn devices(&self) -> Result<Vec<Device>, CallError> {
        let paths: Vec<OwnedObjectPath> = self.0.ask(&MANAGER, "GetDevices", &())?;
        let mut devices = Vec::new();
        for path in paths {
            devices.extend(self.device(&path)?);
        }
        devices.sort_by(|one, other| one.interface.cmp(&other.interface));
        Ok(devices)
    }

    fn profile(&self, uuid: &str) -> Result<Option<Profile>, CallError> {
        let Some(path) = self.profile_path(uuid)? else {
            return Ok(None);
        };
        let peer = profile_at(&path);
        let settings: Received = self.0.ask(&peer, "GetSettings", &())?;
        let mut profile = values::read(&settings);
        if settings.contains_key(SECURITY) {
            let secrets: Received = self.0.ask(&peer, "GetSecrets", &SECURITY)?;
            for (section, keys) in values::read(&secrets).0 {
                profile.0.entry(section).or_default().extend(keys);
            }
        }
        Ok(Some(profile))
    }

    fn try_out(&self, profile: &Profile) -> Result<(), CallError> {
        let settings = values::write(profile);
        let none: HashMap<&str, Value> = HashMap::new();
        match self.profile_path(profile.uuid())? {
            Some(path) => {
                let _: HashMap<String, OwnedValue> =
                    self.0
                        .ask(&profile_at(&path), "Update2", &(settings, IN_MEMORY, none))?;
            }
            None => {
                let _: (OwnedObjectPath, HashMap<String, OwnedValue>) =
                    self.0
                        .ask(&SETTINGS, "AddConnection2", &(settings, IN_MEMORY, none))?;
            }
        }
        Ok(())
    }

    fn keep(&self, uuid: &str) -> Result<(), CallError> {
        self.on_profile(uuid, "Save")
    }

    fn remove(&self, uuid: &str) -> Result<(), CallError> {
        self.on_profile(uuid, "Delete")
    }

    fn activate(&self, uuid: &str, device: &Device) -> Result<Arrival, CallError> {
        let profile = self.profile_path(uuid)?.unwrap_or_else(nothing);
        let mut changes = self.0.listen(&device_at(&device.path), "StateChanged")?;
        let end = self.0.now() + ARRIVAL;
        let attempt = self.start(&profile, device)?;
        let mut failure = None;
        loop {
            let left = end.saturating_duration_since(self.0.now());
            let Some((state, _, reason)) = changes.next::<(u32, u32, u32)>(left) else {
                return Ok(Arrival::TimedOut);
            };
            match (state, self.stage(&attempt)) {
                (ACTIVATED, Some(HAS_ARRIVED)) => {
                    self.0.wait(LATE_ADDRESS);
                    return Ok(Arrival::Up);
                }
                // An attempt before this one may end meanwhile: its last words are not about this one.
                (FAILED | UNMANAGED | UNAVAILABLE | DISCONNECTED, None) => {
                    return Ok(Arrival::Failed(failure.unwrap_or(reason)));
                }
                (FAILED, Some(_)) => failure = Some(reason),
                (PREPARE, Some(_)) => failure = None,
                _ => (),
            }
        }
    }

    fn choose_freely(&self, device: &Device) -> Result<(), CallError> {
        match self.start(&nothing(), device).map(|_| ()) {
            Err(CallError::Refused(_)) => {
                let profile = Sent::from([("connection", HashMap::new())]);
                let options = HashMap::from([("persist", Value::from("memory"))]);
                let arguments = (profile, object(&device.path), nothing(), options);
                self.0
                    .call(&MANAGER, "AddAndActivateConnection2", &arguments)
            }
            result => result,
        }
    }

    fn checkpoint(&self, device: &Device) -> Result<Checkpoint, CallError> {
        let devices = [object(&device.path)];
        let limit = ROLL_BACK.as_secs() as u32;
        let arguments = (devices.as_slice(), limit, ANEW);
        let path: OwnedObjectPath = self.0.ask(&MANAGER, "CheckpointCreate", &arguments)?;
        Ok(Checkpoint(path.to_string()))
    }

    fn confirm(&self, checkpoint: &Checkpoint) -> Result<(), CallError> {
        self.0
            .call(&MANAGER, "CheckpointDestroy", &object(&checkpoint.0))
    }

    fn roll_back(&self, checkpoint: &Checkpoint) -> Result<(), CallError> {
        let _: HashMap<String, u32> =
            self.0
                .ask(&MANAGER, "CheckpointRollback", &object(&checkpoint.0))?;
        Ok(())
    }

    fn radio(&self) -> Result<Radio, CallError> {
        Ok(Radio {
            is_on: self.0.property(&MANAGER, "WirelessEnabled")?,
            may_be_on: self.0.property(&MANAGER, "WirelessHardwareEnabled")?,
        })
    }

    fn switch_radio_on(&self) -> Result<(), CallError> {
        self.0
            .set_property(&MANAGER, "WirelessEnabled", true.into())?;
        self.settle(true)
    }
}

impl Client<'_> {
    /// Whether there is a radio, and whether it can be used if it may send: the supplicant comes some seconds later.
    fn has_a_radio(&self) -> Result<bool, CallError> {
        let Radio { is_on, may_be_on } = self.radio()?;
        let is_ready = |device: &Device| match device.state {
            DeviceState::Unmanaged => false,
            DeviceState::Unavailable => !is_on || !may_be_on,
            _ => true,
        };
        let devices = self.devices()?;
        let mut radios = devices.iter();
        Ok(radios.any(|device| device.medium == Medium::Radio && is_ready(device)))
    }

    /// A device of ours; `None` for one of another kind, or that was taken away meanwhile.
    fn device(&self, path: &str) -> Result<Option<Device>, CallError> {
        let peer = device_at(path);
        let medium = match self.0.property::<u32>(&peer, "DeviceType") {
            Ok(ETHERNET | VETH) => Medium::Cable,
            Ok(WIFI) => Medium::Radio,
            Ok(_) | Err(CallError::Refused(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let state = device_state(self.0.property(&peer, "State")?);
        Ok(Some(Device {
            interface: self.0.property(&peer, "Interface")?,
            medium,
            state,
            profile: self.profile_of(&peer),
            addresses: self.addresses_in_time(&peer, state),
            path: path.to_owned(),
        }))
    }

    /// A device that has just come up may tell its addresses some moments later.
    fn addresses_in_time(&self, device: &Peer, state: DeviceState) -> Vec<String> {
        let addresses = self.addresses_of(device);
        if !addresses.is_empty() || state != DeviceState::Active {
            return addresses;
        }
        self.0.wait(LATE_ADDRESS);
        self.addresses_of(device)
    }

    fn profile_of(&self, device: &Peer) -> Option<String> {
        let active: OwnedObjectPath = self.0.property(device, "ActiveConnection").ok()?;
        self.0.property(&active_at(&active), "Uuid").ok()
    }

    fn addresses_of(&self, device: &Peer) -> Vec<String> {
        let mut addresses = Vec::new();
        for family in ["4", "6"] {
            let interface = format!("org.freedesktop.NetworkManager.IP{family}Config");
            let path = self
                .0
                .property::<OwnedObjectPath>(device, &format!("Ip{family}Config"));
            let list = path.and_then(|path| {
                let peer = Peer {
                    path: &path,
                    interface: &interface,
                    ..MANAGER
                };
                self.0.property::<OwnedValue>(&peer, "AddressData")
            });
            let list = list.ok().and_then(|list| values::addresses(&list));
            addresses.extend(list.into_iter().flatten());
        }
        let lasting = |(address, _): &(String, u32)| !address.starts_with("fe80:");
        let addresses = addresses.into_iter().filter(lasting);
        addresses
            .map(|(address, prefix)| format!("{address}/{prefix}"))
            .collect()
    }

    fn profile_path(&self, uuid: &str) -> Result<Option<OwnedObjectPath>, CallError> {
        match self.0.ask(&SETTINGS, "GetConnectionByUuid", &uuid) {
            Ok(path) => Ok(Some(path)),
            Err(CallError::Refused(zbus::Error::MethodError(name, ..)))
                if name.ends_with(".InvalidConnection") =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn on_profile(&self, uuid: &str, method: &str) -> Result<(), CallError> {
        match self.profile_path(uuid)? {
            Some(path) => self.0.call(&profile_at(&path), method, &()),
            None => Ok(()),
        }
    }

    /// Begins an attempt, which NetworkManager gives a path.
    fn start(
        &self,
        profile: &OwnedObjectPath,
        device: &Device,
    ) -> Result<OwnedObjectPath, CallError> {
        let arguments = (profile, object(&device.path), nothing());
        self.0.ask(&MANAGER, "ActivateConnection", &arguments)
    }

    /// How far an attempt is; `None` once it has ended.
    fn stage(&self, attempt: &OwnedObjectPath) -> Option<u32> {
        let stage = self.0.property(&active_at(attempt), "State").ok();
        stage.filter(|stage| *stage <= HAS_ARRIVED)
    }
}

fn device_state(number: u32) -> DeviceState {
    match number {
        0..=UNMANAGED => DeviceState::Unmanaged,
        UNAVAILABLE => DeviceState::Unavailable,
        DISCONNECTED => DeviceState::Idle,
        ACTIVATED => DeviceState::Active,
        _ => DeviceState::Busy,
    }
}

fn device_at(path: &str) -> Peer<'_> {
    Peer {
        path,
        interface: "org.freedesktop.NetworkManager.Device",
        ..MANAGER
    }
}

fn active_at(path: &str) -> Peer<'_> {
    Peer {
        path,
        interface: "org.freedesktop.NetworkManager.Connection.Active",
        ..MANAGER
    }
}

fn profile_at(path: &str) -> Peer<'_> {
    Peer {
        path,
        interface: "org.freedesktop.NetworkManager.Settings.Connection",
        ..MANAGER
    }
}

/// An object that NetworkManager named; nothing, should it be none.
fn object(path: &str) -> OwnedObjectPath {
    OwnedObjectPath::try_from(path).unwrap_or_else(|_| nothing())
}

/// The path that means no object.
fn nothing() -> OwnedObjectPath {
    OwnedObjectPath::default()
}

const MANAGER: Peer = Peer {
    name: "org.freedesktop.NetworkManager",
    path: "/org/freedesktop/NetworkManager",
    interface: "org.freedesktop.NetworkManager",
};
const SETTINGS: Peer = Peer {
    path: "/org/freedesktop/NetworkManager/Settings",
    interface: "org.freedesktop.NetworkManager.Settings",
    ..MANAGER
};
/// The section that holds a secret.
const SECURITY: &str = "802-11-wireless-security";

// NMDeviceType
const ETHERNET: u32 = 1;
const WIFI: u32 = 2;
/// The end of a cable between two containers.
const VETH: u32 = 20;

// NMDeviceState
const UNMANAGED: u32 = 10;
const UNAVAILABLE: u32 = 20;
const DISCONNECTED: u32 = 30;
const PREPARE: u32 = 40;
const ACTIVATED: u32 = 100;
const FAILED: u32 = 120;

/// NMActiveConnectionState: activated; what is above ends or has ended.
const HAS_ARRIVED: u32 = 2;

/// NMSettingsAddConnection2Flags and NMSettingsUpdate2Flags: not on the disk.
const IN_MEMORY: u32 = 2;
/// NMCheckpointCreateFlags: one that a killed program left behind ends, and profiles added since go with a roll back.
const ANEW: u32 = 1 | 2;

/// How long it is waited for NetworkManager's own start and for a radio.
const SETTLING: Duration = Duration::from_secs(30);
/// How long after a device is up its new addresses may be told.
const LATE_ADDRESS: Duration = Duration::from_secs(1);
/// Between two looks at it.
const PAUSE: Duration = Duration::from_millis(300);
/// How long coming up may take: 25 s for the password, 45 s for an address, each as NetworkManager limits it, and some.
const ARRIVAL: Duration = Duration::from_secs(90);
/// After which a checkpoint that nobody ends is rolled back.
const ROLL_BACK: Duration = Duration::from_secs(180);
