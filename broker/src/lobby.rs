// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Memory for those who have not said who they are: a little for each, and one pool for all long CONNECTs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mqtt_core::CloseCause;

/// Where connections stay until the core has let them in.
#[derive(Default)]
pub struct Lobby {
    /// Bytes out of the pool.
    held: AtomicUsize,
}

/// What one connection holds until it is dropped.
pub struct Stay {
    lobby: Arc<Lobby>,
    held: usize,
}

impl Lobby {
    pub fn enter(self: &Arc<Self>) -> Stay {
        Stay {
            lobby: self.clone(),
            held: 0,
        }
    }
}

impl Stay {
    /// Says that so many bytes of a CONNECT wait for the rest of it; an error when the pool has no room for them.
    pub fn hold(&mut self, bytes: usize) -> Result<(), CloseCause> {
        let wanted = bytes.saturating_sub(EACH).saturating_sub(self.held);
        if wanted == 0 {
            return Ok(());
        }
        let before = self.lobby.held.fetch_add(wanted, Ordering::Relaxed);
        self.held += wanted;
        if before + wanted > POOL {
            return Err(CloseCause::Transport(FULL));
        }
        Ok(())
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.lobby.held.fetch_sub(self.held, Ordering::Relaxed);
    }
}

/// Bytes that each may hold without asking.
const EACH: usize = 4 * 1024;
/// Bytes beyond that of all together.
const POOL: usize = 8 * 1024 * 1024;
/// What the log says of a connection for whose CONNECT there is no room.
const FULL: &str = "a long CONNECT, and those of others that are not complete take all of the 8 MiB there are for them";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_pool_ends_long_connects_and_no_short_one() {
        let lobby = Arc::new(Lobby::default());
        let mut long: Vec<_> = (0..128).map(|_| lobby.enter()).collect();
        for stay in &mut long {
            assert_eq!(stay.hold(EACH + POOL / 128), Ok(()));
            assert_eq!(stay.hold(EACH), Ok(()), "what was held is kept");
        }
        let mut short = lobby.enter();
        assert_eq!(short.hold(EACH), Ok(()));
        let refused = lobby.enter().hold(EACH + 1);
        assert_eq!(refused, Err(CloseCause::Transport(FULL)));
        long.pop();
        assert_eq!(lobby.enter().hold(EACH + POOL / 128), Ok(()));
        drop((long, short));
        assert_eq!(lobby.held.load(Ordering::Relaxed), 0);
    }
}
