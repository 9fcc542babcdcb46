// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The byte streams a connection may run over.

use tokio::net::{TcpStream, UnixStream};

/// One accepted socket and what is spoken on it below MQTT.
pub enum Transport {
    Tcp(TcpStream),
    Unix(UnixStream),
    WebSocket(TcpStream),
}
