// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Where the last durable value of each key is, and how many bytes still say something.
//!
//! A session ends at once, however much belongs to it: what names a session that is gone is garbage, and leaves the index when
//! compaction comes across it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::key::{Class, Key};
use crate::numbers::{NumberMap, NumberSet};
use crate::reader::Shared;

/// Where an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub segment: u32,
    pub offset: u32,
    pub len: u32,
}

/// The last durable value of each key.
pub(crate) struct Index {
    values: HashMap<Key, Place>,
    /// With the session in whose queue it is, 0 if none.
    entries: NumberMap<(Place, u64)>,
    /// Messages; readers look here too.
    shared: Arc<Shared>,
    sessions: NumberMap<Holding>,
    live: Live,
}

/// Bytes of a session's values.
#[derive(Clone, Copy, Debug, Default)]
struct Holding {
    session: u64,
    queue: u64,
}

/// Bytes of values that count, by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Live {
    pub retained: u64,
    pub queue: u64,
    pub session: u64,
}

impl Live {
    pub const fn sum(&self) -> u64 {
        self.retained + self.queue + self.session
    }

    fn of(&mut self, class: Class) -> &mut u64 {
        match class {
            Class::Retained => &mut self.retained,
            Class::Queue => &mut self.queue,
            // The meter's hundred bytes are not worth a number of their own.
            Class::Session | Class::Framing => &mut self.session,
        }
    }
}

impl Index {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            values: HashMap::new(),
            entries: NumberMap::default(),
            shared,
            sessions: NumberMap::default(),
            live: Live::default(),
        }
    }

    pub const fn live(&self) -> Live {
        self.live
    }

    pub fn contains(&self, key: &Key) -> bool {
        self.place(key).is_some()
    }

    /// Whether an entry stays although this session, whose it was to be, has ended.
    pub fn outlives(&self, key: &Key, sid: u64) -> bool {
        match key {
            Key::Entry(id) => self.entries.get(id).is_some_and(|(_, owner)| *owner != sid),
            _ => false,
        }
    }

    /// Whether the value at this place counts.
    pub fn is_live(&self, key: &Key, place: Place) -> bool {
        let last = self.place(key);
        last.is_some_and(|(last, owner)| last == place && self.is_there(owner))
    }

    /// The session whose value this is, 0 if none.
    pub fn owner(&self, key: &Key) -> u64 {
        match key {
            Key::Entry(id) => self.entries.get(id).map_or(0, |(_, owner)| *owner),
            key => key.session().unwrap_or(0),
        }
    }

    /// The last value of the key is here now; `sid` is the session in whose queue an entry is.
    pub fn put(&mut self, key: Key, place: Place, sid: u64) {
        let (class, owner) = (key.class(), key.session().unwrap_or(sid));
        let earlier = match key {
            Key::Entry(id) => self.entries.insert(id, (place, sid)),
            Key::Message(location) => self.shared.put(location, place).map(|place| (place, 0)),
            key => self.values.insert(key, place).map(|place| (place, owner)),
        };
        if let Some((place, owner)) = earlier {
            self.uncount(class, place, owner);
        }
        let len = u64::from(place.len);
        *self.live.of(class) += len;
        if owner != 0 {
            *self.sessions.entry(owner).or_default().of(class) += len;
        }
    }

    /// The key has no value any more; a session takes with it all that belongs to it.
    pub fn delete(&mut self, key: &Key) {
        let owner = key.session().unwrap_or(0);
        let earlier = match key {
            Key::Entry(id) => self.entries.remove(id),
            Key::Message(location) => self.shared.delete(*location).map(|place| (place, 0)),
            key => self.values.remove(key).map(|place| (place, owner)),
        };
        if let Some((place, owner)) = earlier {
            self.uncount(key.class(), place, owner);
        }
        if let Key::Session(sid) = key {
            self.end_session(*sid);
        }
    }

    /// The value at this place is copied no further.
    pub fn forget(&mut self, key: &Key, place: Place) {
        if self.place(key).is_some_and(|(at, _)| at == place) && !matches!(key, Key::Session(_)) {
            self.delete(key);
        }
    }

    fn end_session(&mut self, sid: u64) {
        if let Some(holding) = self.sessions.remove(&sid) {
            self.live.session -= holding.session;
            self.live.queue -= holding.queue;
        }
    }

    /// Drops, after a replay, all that names a session which is not there, and says how many values named one that never ended.
    pub fn drop_homeless(&mut self) -> u64 {
        let homeless = self.sessions.keys().copied();
        let homeless: NumberSet = homeless
            .filter(|sid| !self.values.contains_key(&Key::Session(*sid)))
            .collect();
        for sid in &homeless {
            self.end_session(*sid);
        }
        let sessions = &self.sessions;
        let mut orphans = 0;
        let mut stays = |sid: u64| {
            orphans += u64::from(homeless.contains(&sid));
            sid == 0 || sessions.contains_key(&sid)
        };
        self.values
            .retain(|key, _| stays(key.session().unwrap_or(0)));
        self.entries.retain(|_, (_, owner)| stays(*owner));
        orphans
    }

    fn is_there(&self, sid: u64) -> bool {
        sid == 0 || self.sessions.contains_key(&sid)
    }

    fn place(&self, key: &Key) -> Option<(Place, u64)> {
        match key {
            Key::Entry(id) => self.entries.get(id).copied(),
            Key::Message(location) => Some((self.shared.place(*location)?, 0)),
            key => Some((*self.values.get(key)?, key.session().unwrap_or(0))),
        }
    }

    /// A value does not count any more; those of a session that is gone have not for long.
    fn uncount(&mut self, class: Class, place: Place, owner: u64) {
        let len = u64::from(place.len);
        if owner == 0 {
            *self.live.of(class) -= len;
        } else if let Some(holding) = self.sessions.get_mut(&owner) {
            *holding.of(class) -= len;
            *self.live.of(class) -= len;
        }
    }
}

impl Holding {
    fn of(&mut self, class: Class) -> &mut u64 {
        match class {
            Class::Queue => &mut self.queue,
            _ => &mut self.session,
        }
    }
}
