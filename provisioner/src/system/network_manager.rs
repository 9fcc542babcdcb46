// SPDX-License-Identifier: Apache-2.0 OR MIT
//! NetworkManager, as far as the provisioner has a say in it: its profiles, the devices that use them, the radio.

mod client;
mod values;

use std::collections::BTreeMap;

use super::CallError;

pub use client::Client;

/// What NetworkManager does for us; every call has a time limit.
pub trait NetworkManager {
    /// Waits until it has tried at its own start what it can, and where a radio is wanted, until there is one that can be
    /// used or is off; at most 30 seconds.
    fn settle(&self, wants_radio: bool) -> Result<(), CallError>;
    /// The devices for cable and radio, sorted by the interface's name.
    fn devices(&self) -> Result<Vec<Device>, CallError>;
    /// The profile with this UUID, with its secrets.
    fn profile(&self, uuid: &str) -> Result<Option<Profile>, CallError>;
    /// Puts a profile in place of the one with its UUID, in memory only: after a power cut the old one counts.
    fn try_out(&self, profile: &Profile) -> Result<(), CallError>;
    /// Writes the profile with this UUID onto the disk, as it is in memory.
    fn keep(&self, uuid: &str) -> Result<(), CallError>;
    /// Removes the profile with this UUID from memory and disk; none is fine.
    fn remove(&self, uuid: &str) -> Result<(), CallError>;
    /// Brings a device up with the profile of this UUID, and waits until that has succeeded or failed, at most
    /// 90 seconds.
    fn activate(&self, uuid: &str, device: &Device) -> Result<Arrival, CallError>;
    /// Lets a device do what it does without a profile of anybody's: take its addresses from the network.
    fn choose_freely(&self, device: &Device) -> Result<(), CallError>;
    /// Remembers what a device does now; without an end within 3 minutes it is rolled back.
    fn checkpoint(&self, device: &Device) -> Result<Checkpoint, CallError>;
    /// Ends it: what was done since stays.
    fn confirm(&self, checkpoint: &Checkpoint) -> Result<(), CallError>;
    /// Ends it: the device does again what it did then, without profiles that were added since.
    fn roll_back(&self, checkpoint: &Checkpoint) -> Result<(), CallError>;
    /// Whether the radio may send.
    fn radio(&self) -> Result<Radio, CallError>;
    /// Lets the radio send, now and at the next starts, and waits as `settle` until it can be used.
    fn switch_radio_on(&self) -> Result<(), CallError>;
}

/// A network device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its object on the bus.
    pub path: String,
    /// Such as `eth0`.
    pub interface: String,
    pub medium: Medium,
    pub state: DeviceState,
    /// UUID of the profile it uses or is about to use.
    pub profile: Option<String>,
    /// With prefix lengths, such as `192.0.2.1/24`; without link-local ones.
    pub addresses: Vec<String>,
}

/// What a device sends through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Medium {
    Cable,
    Radio,
}

/// What a device is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceState {
    /// Somebody else looks after it.
    Unmanaged,
    /// It has no cable, or its radio is off.
    Unavailable,
    /// It could be used.
    Idle,
    /// It is coming up or going down.
    Busy,
    Active,
}

/// How an activation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    Up,
    /// Its number is NetworkManager's reason for a device's state.
    Failed(u32),
    TimedOut,
}

/// The switches of the radio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Radio {
    /// By software.
    pub is_on: bool,
    /// By a switch that only a hand can move.
    pub may_be_on: bool,
}

/// What [`NetworkManager::checkpoint`] remembers: its object on the bus.
pub struct Checkpoint(pub String);

/// A profile as it goes over the bus: sections, each with keys; kinds of value that are not ours are left out.
///
/// It may hold the Wi-Fi password, so it has no `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Profile(pub BTreeMap<String, BTreeMap<String, Value>>);

/// A value in a profile.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    Flag(bool),
    Integer(i32),
    Number(u32),
    Long(u64),
    Text(String),
    Bytes(Vec<u8>),
    Texts(Vec<String>),
    /// Addresses, each with its prefix length.
    Addresses(Vec<(String, u32)>),
}

impl Profile {
    /// The value of a key, if it is there.
    pub fn value(&self, section: &str, key: &str) -> Option<&Value> {
        self.0.get(section)?.get(key)
    }

    /// Sets a key.
    pub fn set(&mut self, section: &str, key: &str, value: Value) {
        let section = self.0.entry(section.to_owned()).or_default();
        section.insert(key.to_owned(), value);
    }

    /// The UUID; empty if it has none.
    pub fn uuid(&self) -> &str {
        match self.value("connection", "uuid") {
            Some(Value::Text(uuid)) => uuid,
            _ => "",
        }
    }
}
