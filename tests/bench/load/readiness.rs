// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which sockets can be read or written, told by the kernel as long as it is so.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Sockets that are watched, each under a number of the caller's.
pub struct Readiness {
    epoll: Epoll,
    events: Vec<EpollEvent>,
}

/// What a watched socket is waited for; its end is told in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interest {
    pub read: bool,
    pub write: bool,
}

impl Interest {
    pub const READ: Self = Self {
        read: true,
        write: false,
    };
}

/// A socket that can go on.
#[derive(Clone, Copy)]
pub struct Ready {
    pub number: usize,
    /// It can be read, or has ended or failed, which reading tells.
    pub read: bool,
    pub write: bool,
}

impl Readiness {
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            events: vec![EpollEvent::empty(); EVENTS],
        })
    }

    /// Begins to watch a socket; it ends when the socket is closed.
    pub fn add(&self, socket: impl AsFd, number: usize, interest: Interest) -> io::Result<()> {
        let event = EpollEvent::new(flags(interest), number as u64);
        Ok(self.epoll.add(socket, event)?)
    }

    pub fn change(&self, socket: impl AsFd, number: usize, interest: Interest) -> io::Result<()> {
        let mut event = EpollEvent::new(flags(interest), number as u64);
        Ok(self.epoll.modify(socket, &mut event)?)
    }

    /// Ends watching a socket that stays open.
    pub fn remove(&self, socket: impl AsFd) -> io::Result<()> {
        Ok(self.epoll.delete(socket)?)
    }

    /// Waits until something is ready, at most for `patience` rounded up to milliseconds, and returns how many are.
    pub fn wait(&mut self, patience: Duration) -> io::Result<usize> {
        let millis = patience.as_nanos().div_ceil(1_000_000).min(60_000) as u16;
        match self
            .epoll
            .wait(&mut self.events, EpollTimeout::from(millis))
        {
            Err(nix::errno::Errno::EINTR) => Ok(0),
            other => Ok(other?),
        }
    }

    /// The `n`th of those that the last [`wait`](Self::wait) found.
    pub fn ready(&self, n: usize) -> Ready {
        let event = self.events[n];
        Ready {
            number: event.data() as usize,
            read: event.events().intersects(!EpollFlags::EPOLLOUT),
            write: event.events().contains(EpollFlags::EPOLLOUT),
        }
    }
}

/// Lets this process open as many sockets as the system allows it.
pub fn raise_descriptor_limit() -> io::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, most, most)?)
}

fn flags(interest: Interest) -> EpollFlags {
    let mut flags = EpollFlags::empty();
    flags.set(EpollFlags::EPOLLIN, interest.read);
    flags.set(EpollFlags::EPOLLOUT, interest.write);
    flags
}

/// Sockets told of at one time.
const EVENTS: usize = 1_024;
