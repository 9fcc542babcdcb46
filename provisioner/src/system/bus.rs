// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The system bus: one connection, opened when first needed, every call limited to ten seconds.

use std::cell::OnceCell;
use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;
use zbus::export::futures_core::Stream;
use zbus::zvariant::{DynamicType, OwnedValue, Type, Value};
use zbus::{MatchRule, MessageStream};

/// A connection to D-Bus and the runtime that drives it.
pub struct Bus {
    runtime: Runtime,
    connection: OnceCell<zbus::Connection>,
}

/// Why another program did not do what it was asked to.
#[derive(Debug)]
pub enum CallError {
    /// There is no system bus to ask on.
    NoBus(zbus::Error),
    /// No answer within [`LIMIT`].
    TimedOut,
    /// The program, or the bus on its behalf, refused.
    Refused(zbus::Error),
}

/// A program on the bus: its name, object and interface.
pub(super) struct Peer<'a> {
    pub(super) name: &'a str,
    pub(super) path: &'a str,
    pub(super) interface: &'a str,
}

/// What a peer tells by itself, from the moment it was asked for.
pub(super) struct Signals<'a> {
    bus: &'a Bus,
    stream: Option<MessageStream>,
}

impl Bus {
    /// The system bus, not yet connected; `runtime` is a current-thread one with time and I/O enabled.
    pub fn system(runtime: Runtime) -> Self {
        Self {
            runtime,
            connection: OnceCell::new(),
        }
    }

    /// A bus over a connection that exists already.
    pub fn over(runtime: Runtime, connection: zbus::Connection) -> Self {
        Self {
            runtime,
            connection: OnceCell::from(connection),
        }
    }

    /// Calls a method of a peer and ignores what it returns.
    pub(super) fn call<B>(&self, peer: &Peer, method: &str, body: &B) -> Result<(), CallError>
    where
        B: serde::Serialize + DynamicType,
    {
        self.answer(peer, method, body).map(|_| ())
    }

    /// Calls a method of a peer and reads what it returns.
    pub(super) fn ask<B, T>(&self, peer: &Peer, method: &str, body: &B) -> Result<T, CallError>
    where
        B: serde::Serialize + DynamicType,
        T: DeserializeOwned + Type,
    {
        let answer = self.answer(peer, method, body)?;
        answer.body().deserialize().map_err(CallError::Refused)
    }

    fn answer<B>(&self, peer: &Peer, method: &str, body: &B) -> Result<zbus::Message, CallError>
    where
        B: serde::Serialize + DynamicType,
    {
        let connection = self.connection()?;
        let call = connection.call_method(
            Some(peer.name),
            peer.path,
            Some(peer.interface),
            method,
            body,
        );
        self.limited(call)?.map_err(CallError::Refused)
    }

    /// Reads a property of a peer.
    pub(super) fn property<T>(&self, peer: &Peer, property: &str) -> Result<T, CallError>
    where
        T: TryFrom<OwnedValue>,
        T::Error: Into<zbus::zvariant::Error>,
    {
        let properties = Peer {
            interface: PROPERTIES,
            ..*peer
        };
        let value: OwnedValue = self.ask(&properties, "Get", &(peer.interface, property))?;
        T::try_from(value).map_err(|error| CallError::Refused(zbus::Error::from(error.into())))
    }

    /// Sets a property of a peer.
    pub(super) fn set_property(
        &self,
        peer: &Peer,
        property: &str,
        value: Value<'_>,
    ) -> Result<(), CallError> {
        let properties = Peer {
            interface: PROPERTIES,
            ..*peer
        };
        self.call(&properties, "Set", &(peer.interface, property, value))
    }

    /// Listens from now on to one signal of a peer.
    pub(super) fn listen(
        &self,
        peer: &Peer,
        signal: &'static str,
    ) -> Result<Signals<'_>, CallError> {
        let connection = self.connection()?;
        let rule = MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .path(peer.path.to_owned())
            .and_then(|rule| rule.interface(peer.interface.to_owned()))
            .and_then(|rule| rule.member(signal))
            .map_err(CallError::Refused)?
            .build();
        let stream = MessageStream::for_match_rule(rule, connection, Some(MAX_SIGNALS));
        let stream = self.limited(stream)?.map_err(CallError::Refused)?;
        Ok(Signals {
            bus: self,
            stream: Some(stream),
        })
    }

    /// Lets time pass; what comes meanwhile is kept for later.
    pub(super) fn wait(&self, time: Duration) {
        self.runtime
            .block_on(async { tokio::time::sleep(time).await });
    }

    /// Moments that `wait` and `next` let pass count by this clock.
    pub(super) fn now(&self) -> tokio::time::Instant {
        self.runtime.block_on(async { tokio::time::Instant::now() })
    }

    fn connection(&self) -> Result<&zbus::Connection, CallError> {
        if let Some(connection) = self.connection.get() {
            return Ok(connection);
        }
        let connection = self
            .limited(zbus::Connection::system())?
            .map_err(CallError::NoBus)?;
        Ok(self.connection.get_or_init(|| connection))
    }

    fn limited<T>(&self, work: impl Future<Output = T>) -> Result<T, CallError> {
        let limited = async { tokio::time::timeout(LIMIT, work).await };
        self.runtime
            .block_on(limited)
            .map_err(|_| CallError::TimedOut)
    }
}

impl Signals<'_> {
    /// The next one that can be read as this, if it comes within `limit`.
    pub(super) fn next<T>(&mut self, limit: Duration) -> Option<T>
    where
        T: DeserializeOwned + Type,
    {
        let stream = self.stream.as_mut()?;
        let next = async {
            while let Some(message) = poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await {
                if let Some(body) = message.ok().and_then(|m| m.body().deserialize().ok()) {
                    return Some(body);
                }
            }
            None
        };
        let limited = async { tokio::time::timeout(limit, next).await };
        self.bus.runtime.block_on(limited).ok().flatten()
    }
}

impl Drop for Signals<'_> {
    /// The stream ends what it asked the bus for by a task, which needs a runtime to be in.
    fn drop(&mut self) {
        let _runtime = self.bus.runtime.enter();
        self.stream = None;
    }
}

impl CallError {
    /// Whether nobody of that name is on the bus: the program is not installed or does not run.
    pub fn is_absence(&self) -> bool {
        let Self::Refused(zbus::Error::MethodError(name, ..)) = self else {
            return false;
        };
        let absent = ["ServiceUnknown", "NameHasNoOwner"];
        absent
            .iter()
            .any(|error| name.strip_prefix("org.freedesktop.DBus.Error.") == Some(error))
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBus(_) => f.write_str("the system bus does not answer"),
            Self::TimedOut => write!(f, "no answer within {} seconds", LIMIT.as_secs()),
            Self::Refused(_) => f.write_str("it was refused"),
        }
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoBus(source) | Self::Refused(source) => Some(source),
            Self::TimedOut => None,
        }
    }
}

/// How long a call may take.
const LIMIT: Duration = Duration::from_secs(10);
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// Signals kept while nobody reads them.
const MAX_SIGNALS: usize = 64;
