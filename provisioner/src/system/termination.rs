// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Waiting that ends early when systemd asks this program to end.

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The end that somebody may ask for with SIGTERM; from now on that does not end the program by itself.
pub struct Termination {
    runtime: Runtime,
    asked: Signal,
}

impl Termination {
    pub fn expected() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let asked = {
            let _entered = runtime.enter();
            signal(SignalKind::terminate())?
        };
        Ok(Self { runtime, asked })
    }

    /// Waits so long: whether the program is to go on.
    pub fn pause(&mut self, time: Duration) -> bool {
        let Self { runtime, asked } = self;
        let limited = async { tokio::time::timeout(time, asked.recv()).await };
        runtime.block_on(limited).is_err()
    }
}
