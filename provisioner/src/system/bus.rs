// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The system bus: one connection, opened when first needed, every call limited to ten seconds.

use std::cell::OnceCell;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use tokio::runtime::Runtime;
use zbus::zvariant::{DynamicType, OwnedValue};

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
        let connection = self.connection()?;
        let call = connection.call_method(
            Some(peer.name),
            peer.path,
            Some(peer.interface),
            method,
            body,
        );
        self.limited(call)?.map_err(CallError::Refused)?;
        Ok(())
    }

    /// Reads a property of a peer.
    pub(super) fn property<T>(&self, peer: &Peer, property: &str) -> Result<T, CallError>
    where
        T: TryFrom<OwnedValue, Error = zbus::zvariant::Error>,
    {
        let connection = self.connection()?;
        let (interface, wanted) = (
            "org.freedesktop.DBus.Properties",
            (peer.interface, property),
        );
        let call =
            connection.call_method(Some(peer.name), peer.path, Some(interface), "Get", &wanted);
        let answer = self.limited(call)?.map_err(CallError::Refused)?;
        let value: OwnedValue = answer.body().deserialize().map_err(CallError::Refused)?;
        T::try_from(value).map_err(|error| CallError::Refused(error.into()))
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
