// SPDX-License-Identifier: Apache-2.0 OR MIT
//! mqtt.js, the client of web pages and Node-RED, over WebSocket and TCP.

use std::path::PathBuf;
use std::process::Command;

use tests::tools::{fetched, need, run};
use tests::{Daemon, PASSWORD, USER};

use crate::script;

const PACKAGE: &str = "mqtt@5.14.1";

/// The folder `node_modules/mqtt` of the client.
pub fn library() -> PathBuf {
    let folder = fetched(PACKAGE, |folder| {
        need(
            "trying the broker with mqtt.js",
            &["node=nodejs", "npm=npm"],
        );
        let mut npm = Command::new("npm");
        npm.args([
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
        ]);
        run(npm.arg(folder).arg(PACKAGE));
    });
    folder.join("node_modules/mqtt")
}

#[test]
fn mqttjs_makes_its_rounds_over_websocket_and_tcp() {
    let daemon = Daemon::start();
    let any_path = format!("ws://127.0.0.1:{}/any/path", daemon.websocket_port);
    let addresses = [any_path, format!("mqtt://127.0.0.1:{}", daemon.port)];
    for address in addresses {
        let mut node = Command::new("node");
        run(node
            .arg(script("mqttjs_rounds.mjs"))
            .arg(library())
            .args([&address, USER, PASSWORD]));
    }
}
