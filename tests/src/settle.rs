// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The virtual world's driver: reads sockets, enters the core, appends, answers and drains until nothing moves.
//!
//! It keeps the contract of a driver to the letter and checks the core's side of it.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;
use mqtt_core::{
    AuthRequest, CloseCause, Command, ConnectionId, Credentials, Drained, Event, FetchRequest,
    LoginFailure, Verdict,
};

use crate::world::State;

/// Turns of the driver without time passing; more means that the core never comes to rest.
const TURNS: usize = 100_000;

/// The authentication method of the world; what it asks for is in [`State::judge_step`].
pub const METHOD: &str = "PASSPHRASE";

/// What a driver asks for in one drain, in bytes.
const DRAIN_BYTES: usize = 64 * 1024;

impl State {
    #[track_caller]
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now.after(span);
        let mut ticks_at_once = 0;
        while let Some(at) = self.effects.deadline.filter(|at| *at <= end) {
            ticks_at_once = if at > self.now { 0 } else { ticks_at_once + 1 };
            assert!(ticks_at_once < 1_000, "the deadline {at:?} never moves on");
            self.now = self.now.max(at);
            self.commands.push(Command::Tick);
            self.move_all();
        }
        self.check_store();
        self.now = end;
    }

    /// Moves everything that can move without time passing, and looks at the store.
    #[track_caller]
    pub(crate) fn settle(&mut self) {
        self.move_all();
        self.check_store();
    }

    #[track_caller]
    fn move_all(&mut self) {
        for _ in 0..TURNS {
            self.read_sockets();
            self.answer_requests();
            if self.effects.unfinished && !self.work_held {
                self.commands.push(Command::Tick);
            }
            let entered = !self.commands.is_empty();
            if entered {
                self.enter();
            }
            let drained = self.drain_woken();
            if !entered && !drained {
                return self.check_ends();
            }
        }
        panic!("the core never comes to rest");
    }

    /// No peer is ever dropped silently: what is closed has its end among the events.
    #[track_caller]
    fn check_ends(&self) {
        assert!(
            self.unended <= self.open,
            "a connection ended without a word"
        );
    }

    fn enter(&mut self) {
        self.broker
            .enter(self.now, &mut self.commands, &mut self.effects);
        assert!(
            self.commands.is_empty(),
            "an entry leaves no command behind"
        );
        self.act();
    }

    /// Acts upon the effects of an entry or a drain.
    pub(crate) fn act(&mut self) {
        let effects = &mut self.effects;
        self.store.append(&mut effects.records, effects.incomplete);
        assert_eq!(
            self.store.appended(),
            self.broker.committed(),
            "records and commits are counted alike"
        );
        for event in self.effects.events.drain(..) {
            match event {
                Event::Opened { .. } => self.unended += 1,
                Event::Rejected { .. } | Event::Disconnected { .. } => self.unended -= 1,
                _ => {}
            }
            self.events.push(event);
        }
        for conn in self.effects.ended.drain(..) {
            if let Some(link) = self.links.get_mut(&conn) {
                link.deaf = true;
            }
        }
        self.logins
            .waiting
            .extend(self.effects.authenticate.drain(..));
        self.fetches.waiting.extend(self.effects.fetch.drain(..));
        let listed = self.effects.wake.len();
        let wake: BTreeSet<ConnectionId> = self.effects.wake.drain(..).collect();
        assert_eq!(wake.len(), listed, "a connection is woken once an entry");
        self.woken.extend(wake);
    }

    /// Everything a client has sent is one batch, as one read from its socket would give it.
    fn read_sockets(&mut self) {
        for conn in std::mem::take(&mut self.readable) {
            let Some(link) = self.links.get_mut(&conn) else {
                continue;
            };
            while !link.closed && !link.reading_paused && !link.deaf {
                match link.decoder.decode(&mut link.inbox) {
                    Ok(Some(packet)) => self.commands.push(Command::Packet { conn, packet }),
                    Ok(None) => break,
                    Err(error) => {
                        link.deaf = true;
                        let version = link.decoder.version();
                        self.commands.push(Command::Undecodable {
                            conn,
                            version,
                            error,
                        });
                    }
                }
            }
        }
    }

    fn answer_requests(&mut self) {
        while let Some(request) = self.logins.next() {
            let (verdict, user) = self.judge(&request);
            self.commands.push(Command::Authenticated {
                conn: request.conn,
                verdict,
                user,
            });
        }
        while let Some(FetchRequest { conn, location }) = self.fetches.next() {
            let payload = self.store.read(location);
            self.commands.push(Command::Fetched {
                conn,
                location,
                payload,
            });
        }
    }

    fn judge(&mut self, request: &AuthRequest) -> (Verdict, Option<ByteString>) {
        match &request.credentials {
            Credentials::Login { username, password } => {
                let password = password.as_ref().map(|password| password.as_bytes());
                (self.judge_login(username.is_some(), password), None)
            }
            Credentials::Identity { username } => match username.as_ref() {
                "nobody" => (Verdict::Refused(LoginFailure::UnknownIdentity), None),
                _ => (Verdict::Accepted, None),
            },
            Credentials::Step { method, .. } if method != METHOD => {
                (Verdict::Refused(LoginFailure::UnknownMethod), None)
            }
            Credentials::Step { data, begins, .. } => self.judge_step(request.conn, data, *begins),
        }
    }

    /// Every user has the password "secret".
    fn judge_login(&self, named: bool, password: Option<&[u8]>) -> Verdict {
        match (named, password) {
            // The core asks only where its listener lets everybody in.
            (false, _) => Verdict::Accepted,
            (true, Some(b"secret")) => Verdict::Accepted,
            (true, Some(_)) => Verdict::Refused(LoginFailure::WrongPassword),
            (true, None) => Verdict::Refused(LoginFailure::NoPassword),
        }
    }

    /// The client says its name, is asked "password?" and says "secret"; to "again" it is asked once more.
    fn judge_step(
        &mut self,
        conn: ConnectionId,
        data: &[u8],
        begins: bool,
    ) -> (Verdict, Option<ByteString>) {
        if begins {
            self.named.remove(&conn);
        }
        let user = match (self.named.get(&conn), data) {
            (None, b"") => return (Verdict::Continue(Bytes::from_static(b"name?")), None),
            (None, name) => {
                let name = ByteString::from(String::from_utf8_lossy(name).into_owned());
                self.named.insert(conn, name.clone());
                return (
                    Verdict::Continue(Bytes::from_static(b"password?")),
                    Some(name),
                );
            }
            (Some(user), _) => user.clone(),
        };
        let verdict = match data {
            b"secret" => Verdict::Proven(Bytes::from_static(b"welcome")),
            b"again" => Verdict::Continue(Bytes::from_static(b"password?")),
            _ => Verdict::Refused(LoginFailure::WrongPassword),
        };
        (verdict, Some(user))
    }

    /// True when there was anything to drain.
    fn drain_woken(&mut self) -> bool {
        let durable = self.store.durable();
        while let Some((_, conn)) = self
            .parked
            .first()
            .copied()
            .filter(|(commit, _)| *commit <= durable)
        {
            self.parked.pop_first();
            self.woken.insert(conn);
        }
        let stalled = |conn: &ConnectionId| self.links.get(conn).is_some_and(|link| link.stalled);
        let ready: Vec<_> = self
            .woken
            .iter()
            .copied()
            .filter(|conn| !stalled(conn))
            .collect();
        for &conn in &ready {
            self.woken.remove(&conn);
            while self.drain(conn) {}
        }
        !ready.is_empty()
    }

    /// Writes one helping of frames to the client; true when more are ready.
    fn drain(&mut self, conn: ConnectionId) -> bool {
        if self.links.get(&conn).is_none_or(|link| link.closed) {
            return false;
        }
        let durable = self.store.durable();
        let mut drained = Drained::default();
        self.broker.drain(
            self.now,
            conn,
            durable,
            DRAIN_BYTES,
            &mut self.effects,
            &mut drained,
        );
        self.act();
        let Some(link) = self.links.get_mut(&conn) else {
            return false;
        };
        let before = link.outbox.len();
        for chunk in drained.chunks.iter() {
            link.outbox.extend_from_slice(chunk);
        }
        self.broker.traffic(0, (link.outbox.len() - before) as u64);
        assert!(
            drained.waits_for.is_none_or(|commit| commit > durable),
            "a wait for what is durable"
        );
        self.parked
            .extend(drained.waits_for.map(|commit| (commit, conn)));
        link.reading_paused = drained.pause_reading;
        self.readable.insert(conn);
        assert!(
            !(drained.more && drained.chunks.is_empty()),
            "more is promised and nothing given"
        );
        assert!(
            !(drained.more && drained.close),
            "a connection closes after its last frame"
        );
        if drained.close {
            self.close(conn, CloseCause::Asked);
        }
        drained.more
    }
}
