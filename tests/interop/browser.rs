// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A web page in a real browser: it answers over WebSocket what another client says over TCP.

use std::process::Command;

use tests::tools::{Running, need, run};
use tests::{Daemon, PASSWORD, USER};

use crate::{mqttjs, script};

#[test]
fn a_web_page_hears_and_answers() {
    need(
        "opening a web page that speaks MQTT",
        &["chromium=chromium", "mosquitto_pub=mosquitto-clients"],
    );
    let daemon = Daemon::start();
    let login = [
        "-h",
        "127.0.0.1",
        "-p",
        &daemon.port.to_string(),
        "-u",
        USER,
        "-P",
        PASSWORD,
    ];
    run(Command::new("mosquitto_pub").args(login).args([
        "-r",
        "-q",
        "1",
        "-t",
        "question",
        "-m",
        "who is there?",
    ]));

    for file in ["browser.html", "browser.js"] {
        std::fs::copy(script(file), daemon.path(file)).expect("a page can be copied");
    }
    let library = mqttjs::library().join("dist/mqtt.min.js");
    std::fs::copy(library, daemon.path("mqtt.min.js")).expect("mqtt.js has a file for browsers");
    let page = daemon.path("browser.html");
    let address = format!(
        "file://{}?port={}&user={USER}&password={PASSWORD}",
        page.display(),
        daemon.websocket_port
    );
    let mut chromium = Command::new("chromium");
    chromium.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-dev-shm-usage",
    ]);
    chromium.arg("--remote-debugging-port=0"); // keeps it open until it is ended
    chromium
        .arg(format!(
            "--user-data-dir={}",
            daemon.path("profile").display()
        ))
        .arg(address);
    let browser = Running::start(&mut chromium);

    let wait = ["-q", "1", "-t", "answer", "-C", "1", "-W", "100"];
    let answer = run(Command::new("mosquitto_sub").args(login).args(wait));
    assert_eq!(answer, "a web page heard: who is there?\n");
    browser.kill();
}
