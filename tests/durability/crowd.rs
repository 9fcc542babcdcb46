// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Clients that come and go: each makes a persistent session, subscribes and leaves the connection; later some end
//! their session for good.

use std::time::Duration;

use mqtt_proto::QoS;
use tests::packets::connect;
use tests::{Random, VERSIONS};

use crate::diary::Position;
use crate::findings::Kind;
use crate::inbox::Step;
use crate::lane::Lane;
use crate::link::{Link, Lost};
use crate::scene::Scene;
use crate::subscriber::{Habit, Subscriber};

#[derive(Clone)]
pub struct Crowd {
    position: Option<Position>,
    /// Those that have come, those that have left included until a check has seen it.
    clients: Vec<Subscriber>,
    came: usize,
}

impl Crowd {
    pub fn new(position: Option<Position>) -> Self {
        Self {
            position,
            clients: Vec::new(),
            came: 0,
        }
    }

    /// The same clients as they were when the disk's log had this length.
    pub fn at(&self, position: u64, noted: Option<&Position>) -> Self {
        let clients = self.clients.iter();
        Self {
            position: noted.cloned(),
            clients: clients.map(|c| c.at(position, noted.cloned())).collect(),
            came: self.came,
        }
    }

    pub fn acknowledged(&self) -> u64 {
        let clients = self.clients.iter();
        clients.map(|c| c.diary.now().acknowledged).sum()
    }

    /// Lets clients come and go until the broker is gone or the load ends.
    pub fn load(&mut self, scene: &Scene, seed: u64) {
        let mut random = Random::new(seed);
        while !scene.is_stopped() && self.come_or_go(scene, &mut random).is_ok() {
            std::thread::sleep(Duration::from_millis(random.next_u64() % PAUSE_MS));
        }
    }

    fn come_or_go(&mut self, scene: &Scene, random: &mut Random) -> Result<(), Lost> {
        let here = |client: &&mut Subscriber| !client.diary.now().leaving;
        if self.clients.iter_mut().filter(here).count() < MOST {
            let name = format!("visitor-{}", self.came);
            let version = *random.pick(&VERSIONS);
            let wanted: (&[&str], _) = (&["once/0"], QoS::AtLeastOnce);
            let lanes = [Lane::AtLeastOnce(0)];
            let noted = self.position.clone();
            let client = Subscriber::new(&name, Habit::Absent, version, wanted, &lanes, noted);
            self.came += 1;
            self.clients.push(client);
            if let Some(client) = self.clients.last_mut() {
                client.join(scene)?;
            }
        } else if self.clients.len() < 2 * MOST {
            let mut here: Vec<_> = self.clients.iter_mut().filter(here).collect();
            let index = random.below(here.len());
            leave(here[index], scene)?;
        }
        Ok(())
    }

    /// Whether the sessions of those that stayed are there, and of those that left are not; takes their messages.
    pub fn check(&mut self, scene: &Scene, mark: u32) -> Result<(), Lost> {
        let joined: Result<Vec<_>, _> = self.clients.iter_mut().map(|c| join(c, scene)).collect();
        scene.be_ready();
        for (client, link) in self.clients.iter_mut().zip(joined?) {
            match link {
                Some(mut link) => client.finish(scene, &mut link, mark)?,
                None => leave(client, scene)?,
            }
        }
        self.clients.retain(|client| !client.diary.now().left);
        Ok(())
    }
}

/// Continues the session of a client, unless it has left or was never told that it is there.
fn join(client: &mut Subscriber, scene: &Scene) -> Result<Option<Link>, Lost> {
    let inbox = client.diary.now();
    if inbox.left {
        // From here on there may be a session again.
        client.diary.note(Step::Forgotten);
        client.diary.note(Step::Leaving);
        let (_link, answer) = scene.resume(client.version(), &client.name)?;
        if answer.session_present {
            let text = format!("the session of {} has come back", client.name);
            scene.findings.report(Kind::Session, &text);
        }
        return Ok(None);
    }
    if inbox.leaving || !inbox.subscribed {
        return Ok(None);
    }
    client.join(scene).map(Some)
}

/// Ends the session.
fn leave(client: &mut Subscriber, scene: &Scene) -> Result<(), Lost> {
    client.diary.note(Step::Leaving);
    let (_link, _) = Link::open(scene.address, connect(client.version(), &client.name))?;
    client.diary.note(Step::Left);
    Ok(())
}

/// The most that are there at a time.
const MOST: usize = 4;
/// The longest time between two that come or go.
const PAUSE_MS: u64 = 60;
