// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The Python client that most home-grown devices use, over TCP and WebSocket.

use std::path::PathBuf;
use std::process::Command;

use tests::tools::{fetched, need, run};
use tests::{Daemon, PASSWORD, USER};

use crate::script;

const PACKAGE: &str = "paho-mqtt==2.1.0";

/// The folder that holds the client.
fn library() -> PathBuf {
    fetched(PACKAGE, |folder| {
        need(
            "trying the broker with Paho's client",
            &["python3=python3", "pip3=python3-pip"],
        );
        let mut pip = Command::new("python3");
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--target",
        ]);
        run(pip.arg(folder).arg(PACKAGE));
    })
}

/// Others' programs need nothing but the standard. [MQTT-7.0.0-2]
#[test]
fn paho_makes_its_rounds_over_tcp_and_websocket() {
    let daemon = Daemon::start();
    for (transport, port) in [("tcp", daemon.port), ("websockets", daemon.websocket_port)] {
        let mut python = Command::new("python3");
        python
            .arg(script("paho_rounds.py"))
            .args([transport, &port.to_string(), USER, PASSWORD]);
        run(python.env("PYTHONPATH", library()));
    }
}
