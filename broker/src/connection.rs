// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The task of one network connection.

use std::sync::Arc;

use mqtt_core::Peer;

use crate::hub::Hub;
use crate::transport::Transport;

/// Serves one accepted connection to its end.
pub async fn serve(hub: Arc<Hub>, transport: Transport, peer: Peer) {
    let _ = (hub, transport, peer);
}
