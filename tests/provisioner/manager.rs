// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A double of NetworkManager and of the kernel's radio rules: profiles in memory and on disk, devices, checkpoints.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;

use provisioner::system::network_manager::{
    Arrival, Checkpoint, Device, DeviceState, Medium, Profile, Radio, Value,
};
use provisioner::system::{CallError, NetworkManager, RadioRules};

type Profiles = BTreeMap<String, Profile>;

/// What NetworkManager has, what it was told, and how the next activation ends.
pub struct Manager {
    /// Nobody of that name is on the bus.
    pub is_absent: Cell<bool>,
    /// It is there and does not answer.
    pub is_silent: Cell<bool>,
    pub devices: RefCell<Vec<Device>>,
    pub disk: RefCell<Profiles>,
    pub memory: RefCell<Profiles>,
    /// `None`: the activation itself is refused.
    pub arrival: Cell<Option<Arrival>>,
    pub radio: Cell<Radio>,
    pub country: RefCell<String>,
    /// Every change it was asked for, in order; no values.
    pub told: RefCell<Vec<String>>,
    remembered: RefCell<Option<(Profiles, Vec<Device>)>>,
}

impl Manager {
    /// A machine with a cable in use and a radio that is off.
    pub fn new() -> Self {
        Self {
            is_absent: Cell::new(false),
            is_silent: Cell::new(false),
            devices: RefCell::new(vec![
                device("eth0", Medium::Cable, DeviceState::Active),
                device("wlan0", Medium::Radio, DeviceState::Idle),
            ]),
            disk: RefCell::default(),
            memory: RefCell::default(),
            arrival: Cell::new(Some(Arrival::Up)),
            radio: Cell::new(Radio {
                is_on: false,
                may_be_on: true,
            }),
            country: RefCell::new("00".to_owned()),
            told: RefCell::default(),
            remembered: RefCell::default(),
        }
    }

    /// Everything but what is on the disk begins anew; a profile there comes up by itself if it did before.
    pub fn start_again(&self) {
        let disk = self.disk.borrow().clone();
        for device in self.devices.borrow_mut().iter_mut() {
            if device
                .profile
                .as_ref()
                .is_some_and(|uuid| !disk.contains_key(uuid))
            {
                device.profile = None;
            }
        }
        self.memory.replace(disk);
        self.country.replace("00".to_owned());
        self.told.take();
    }

    /// The text of a key in a profile on the disk, whichever it is.
    pub fn on_disk(&self, section: &str, key: &str) -> Option<String> {
        let disk = self.disk.borrow();
        disk.values()
            .find_map(|profile| match profile.value(section, key)? {
                Value::Text(text) => Some(text.clone()),
                _ => None,
            })
    }

    /// What it was told since the last time this was asked.
    pub fn take_told(&self) -> Vec<String> {
        self.told.take()
    }

    fn answer(&self) -> Result<(), CallError> {
        if self.is_silent.get() {
            return Err(CallError::TimedOut);
        }
        match self.is_absent.get() {
            true => Err(refused("org.freedesktop.DBus.Error.ServiceUnknown")),
            false => Ok(()),
        }
    }

    fn tell(&self, what: &str) -> Result<(), CallError> {
        self.answer()?;
        self.told.borrow_mut().push(what.to_owned());
        Ok(())
    }
}

/// A device without a profile of ours.
pub fn device(interface: &str, medium: Medium, state: DeviceState) -> Device {
    Device {
        path: format!("/{interface}"),
        interface: interface.to_owned(),
        medium,
        state,
        profile: None,
        addresses: Vec::new(),
    }
}

fn refused(name: &'static str) -> CallError {
    let call = zbus::Message::method_call("/", "Anything").unwrap();
    let name = zbus::names::OwnedErrorName::try_from(name).unwrap();
    CallError::Refused(zbus::Error::MethodError(
        name,
        None,
        call.build(&()).unwrap(),
    ))
}

impl NetworkManager for Manager {
    fn settle(&self, _: bool) -> Result<(), CallError> {
        self.answer()
    }

    fn devices(&self) -> Result<Vec<Device>, CallError> {
        self.answer()?;
        Ok(self.devices.borrow().clone())
    }

    fn profile(&self, uuid: &str) -> Result<Option<Profile>, CallError> {
        self.answer()?;
        Ok(self.memory.borrow().get(uuid).cloned())
    }

    fn try_out(&self, profile: &Profile) -> Result<(), CallError> {
        self.tell("try out")?;
        let uuid = profile.uuid().to_owned();
        self.memory.borrow_mut().insert(uuid, profile.clone());
        Ok(())
    }

    fn keep(&self, uuid: &str) -> Result<(), CallError> {
        self.tell("keep")?;
        let profile = self.memory.borrow()[uuid].clone();
        self.disk.borrow_mut().insert(uuid.to_owned(), profile);
        Ok(())
    }

    fn remove(&self, uuid: &str) -> Result<(), CallError> {
        self.tell("remove")?;
        self.memory.borrow_mut().remove(uuid);
        self.disk.borrow_mut().remove(uuid);
        for device in self.devices.borrow_mut().iter_mut() {
            device.profile.take_if(|profile| profile == uuid);
        }
        Ok(())
    }

    fn activate(&self, uuid: &str, device: &Device) -> Result<Arrival, CallError> {
        self.tell(&format!("activate on {}", device.interface))?;
        let arrival = self
            .arrival
            .get()
            .ok_or_else(|| refused("org.example.No"))?;
        let mut devices = self.devices.borrow_mut();
        let device = devices.iter_mut().find(|there| there.path == device.path);
        let device = device.unwrap();
        device.addresses.clear();
        if arrival == Arrival::Up {
            let mut memory = self.memory.borrow_mut();
            let profile = memory.get_mut(uuid).unwrap();
            profile.set("connection", "timestamp", Value::Long(1));
            device.addresses.push("192.0.2.10/24".to_owned());
        }
        let is_up = arrival == Arrival::Up;
        device.profile = is_up.then(|| uuid.to_owned());
        device.state = match is_up {
            true => DeviceState::Active,
            false => DeviceState::Idle,
        };
        Ok(arrival)
    }

    fn choose_freely(&self, device: &Device) -> Result<(), CallError> {
        self.tell(&format!("choose freely on {}", device.interface))
    }

    fn checkpoint(&self, _: &Device) -> Result<Checkpoint, CallError> {
        self.answer()?;
        let now = (self.memory.borrow().clone(), self.devices.borrow().clone());
        self.remembered.replace(Some(now));
        Ok(Checkpoint("/1".to_owned()))
    }

    fn confirm(&self, _: &Checkpoint) -> Result<(), CallError> {
        self.remembered.take();
        Ok(())
    }

    fn roll_back(&self, _: &Checkpoint) -> Result<(), CallError> {
        self.tell("roll back")?;
        let (memory, devices) = self.remembered.take().unwrap();
        self.memory.replace(memory);
        self.devices.replace(devices);
        Ok(())
    }

    fn radio(&self) -> Result<Radio, CallError> {
        self.answer()?;
        Ok(self.radio.get())
    }

    fn switch_radio_on(&self) -> Result<(), CallError> {
        self.tell("radio on")?;
        self.radio.set(Radio {
            is_on: true,
            ..self.radio.get()
        });
        Ok(())
    }
}

impl RadioRules for Manager {
    fn country(&self) -> io::Result<String> {
        Ok(self.country.borrow().clone())
    }

    fn set_country(&self, country: &str) -> io::Result<()> {
        self.told.borrow_mut().push(format!("country {country}"));
        self.country.replace(country.to_owned());
        Ok(())
    }
}
