// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How many sockets and files the process may hold.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::logging::Log;

/// Raises the soft limit to the hard one, and warns where that is too little for this many connections.
pub fn provide_for(connections: usize, log: &Log) {
    let wanted = (connections as u64).saturating_add(RESERVE);
    match raise() {
        Ok(limit) if limit >= wanted => {}
        Ok(limit) => log.warning(format!(
            "at most {} connections are possible, because the process may open only {limit} files (ulimit -Hn)",
            limit.saturating_sub(RESERVE)
        )),
        Err(error) => log.warning(format!("the limit of open files cannot be raised: {error}")),
    }
}

/// How many connections the process may have once it was provided for.
pub fn room() -> usize {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(_, hard)| hard);
    usize::try_from(limit.saturating_sub(RESERVE)).unwrap_or(usize::MAX)
}

fn raise() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok(hard)
}

/// For everything that is not a client.
const RESERVE: u64 = 64;
