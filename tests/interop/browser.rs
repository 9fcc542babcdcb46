// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A web page in a real browser that runs the cases of the matrix and publishes what came of them.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use tests::tools::{Running, need, run};
use tests::{PASSWORD, USER};

use crate::clients::{Places, mqttjs, script};

pub fn install() {
    need(
        "opening a web page that speaks MQTT",
        &[
            "chromium=chromium",
            "python3=python3",
            "mosquitto_sub=mosquitto-clients",
        ],
    );
    mqttjs();
}

/// The lines about the cases in this version.
pub fn cases(places: &Places, version: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for file in ["browser.html", "browser.js", "mqttjs_cases.js"] {
        std::fs::copy(script(file), folder.path().join(file)).expect("a page can be copied");
    }
    let library = mqttjs().join("dist/mqtt.min.js");
    std::fs::copy(library, folder.path().join("mqtt.min.js"))
        .expect("mqtt.js has a file for browsers");
    let site = Site::open(folder.path());
    let address = format!(
        "http://127.0.0.1:{}/browser.html?port={}&user={USER}&password={PASSWORD}&versions={version}",
        site.port, places.websocket_port
    );
    let mut chromium = Command::new("chromium");
    chromium.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
    ]);
    chromium.args(["--disable-dev-shm-usage", "--remote-debugging-port=0"]); // the port keeps it open until it is ended
    chromium.arg(format!(
        "--user-data-dir={}",
        folder.path().join("profile").display()
    ));
    let browser = Running::start(chromium.arg(address));

    let port = places.port.to_string();
    let login = ["-h", "127.0.0.1", "-p", &port, "-u", USER, "-P", PASSWORD];
    let topic = format!("browser/{version}");
    let wait = ["-q", "1", "-C", "1", "-W", "100", "-t", &topic];
    let lines = run(Command::new("mosquitto_sub").args(login).args(wait));
    browser.kill();
    lines
}

/// A web server for one folder; it ends with this value.
struct Site {
    server: Child,
    port: u16,
}

impl Site {
    fn open(folder: &std::path::Path) -> Self {
        let mut python = Command::new("python3");
        python.args([
            "-u",
            "-m",
            "http.server",
            "0",
            "--bind",
            "127.0.0.1",
            "--directory",
        ]);
        python
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut server = python.spawn().expect("Python has a web server");
        let mut line = String::new();
        let output = server.stdout.take().expect("its output is a pipe");
        BufReader::new(output)
            .read_line(&mut line)
            .expect("it says where it listens");
        let port = line.split(' ').skip_while(|word| *word != "port").nth(1);
        let port = port.and_then(|port| port.parse().ok());
        Self {
            server,
            port: port.unwrap_or_else(|| panic!("no port in {line:?}")),
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // An error means that it has ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
