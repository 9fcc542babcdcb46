// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The clients of the matrix: how each is brought here, in the version named, and how it is run.

use std::path::{Path, PathBuf};
use std::process::Command;

use tests::tools::{fetched, need, outcome, run, target, top};
use tests::{Daemon, PASSWORD, USER};

use crate::browser;

/// Where the daemon is reached by each transport.
pub struct Places {
    pub port: u16,
    pub websocket_port: u16,
    pub socket: PathBuf,
}

/// One client program.
pub struct Program {
    pub name: &'static str,
    pub transports: &'static [&'static str],
    pub versions: &'static [&'static str],
    /// Brings it here, once.
    pub install: fn(),
    run: fn(&Places, &str, &str) -> String,
}

const ALL_VERSIONS: &[&str] = &["3.1", "3.1.1", "5.0"];

pub const CLIENTS: [Program; 6] = [
    Program {
        name: "Paho for Python 2.1.0",
        transports: &["tcp", "websockets", "unix"],
        versions: ALL_VERSIONS,
        install: || drop(python()),
        run: |places, transport, version| python_cases("paho_cases.py", places, transport, version),
    },
    Program {
        name: "aiomqtt 2.5.1",
        transports: &["tcp", "websockets", "unix"],
        versions: ALL_VERSIONS,
        install: || drop(python()),
        run: |places, transport, version| {
            python_cases("aiomqtt_cases.py", places, transport, version)
        },
    },
    Program {
        name: "mqtt.js 5.14.1 in Node.js",
        transports: &["tcp", "websockets"],
        versions: ALL_VERSIONS,
        install: || drop(mqttjs()),
        run: node_cases,
    },
    Program {
        name: "mqtt.js 5.14.1 in Chromium",
        transports: &["websockets"],
        versions: ALL_VERSIONS,
        install: browser::install,
        run: |places, _, version| browser::cases(places, version),
    },
    Program {
        name: "rumqttc 0.25",
        transports: &["tcp", "websockets"],
        versions: &["3.1.1", "5.0"],
        install: || drop(rumqttc()),
        run: |places, transport, version| {
            let mut program = Command::new(rumqttc());
            printed(program.args([transport, &places.of(transport), version, USER, PASSWORD]))
        },
    },
    Program {
        name: "mosquitto_pub, mosquitto_sub and mosquitto_rr of Debian",
        transports: &["tcp", "unix"],
        versions: ALL_VERSIONS,
        install: || {
            need(
                "trying the broker with Mosquitto's clients",
                &["mosquitto_pub=mosquitto-clients", "python3=python3"],
            );
        },
        run: |places, transport, version| {
            python_cases("mosquitto_cases.py", places, transport, version)
        },
    },
];

impl Places {
    pub fn new(daemon: &Daemon) -> Self {
        Self {
            port: daemon.port,
            websocket_port: daemon.websocket_port,
            socket: daemon.path("mqtt.socket"),
        }
    }

    /// The port or path of a transport.
    fn of(&self, transport: &str) -> String {
        match transport {
            "websockets" => self.websocket_port.to_string(),
            "unix" => self.socket.display().to_string(),
            _ => self.port.to_string(),
        }
    }
}

impl Program {
    /// The lines it prints about the cases.
    pub fn run(&self, places: &Places, transport: &str, version: &str) -> String {
        (self.run)(places, transport, version)
    }
}

/// A script that stands beside this file.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("interop")
        .join(name)
}

/// The folder `node_modules/mqtt` of mqtt.js.
pub fn mqttjs() -> PathBuf {
    let package = "mqtt@5.14.1";
    let folder = fetched(package, |folder| {
        need(
            "trying the broker with mqtt.js",
            &["node=nodejs", "npm=npm"],
        );
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund"]);
        run(npm
            .args(["--ignore-scripts", "--prefix"])
            .arg(folder)
            .arg(package));
    });
    folder.join("node_modules/mqtt")
}

/// The folder of the Python libraries.
pub fn python() -> PathBuf {
    let packages = ["paho-mqtt==2.1.0", "aiomqtt==2.5.1"];
    fetched("paho-mqtt==2.1.0,aiomqtt==2.5.1", |folder| {
        need(
            "trying the broker with Python's clients",
            &["python3=python3", "pip3=python3-pip"],
        );
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet"]);
        pip.args(["--disable-pip-version-check", "--target"]);
        run(pip.arg(folder).args(packages));
    })
}

/// The program of rumqttc, which is no part of the workspace: what it needs is no dependency of the broker.
fn rumqttc() -> PathBuf {
    let folder = target().join("interop/rumqttc");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet", "--locked", "--manifest-path"]);
    cargo.arg(script("rumqttc/Cargo.toml"));
    run(cargo.arg("--target-dir").arg(&folder).current_dir(top()));
    folder.join("debug/rumqttc-cases")
}

fn node_cases(places: &Places, transport: &str, version: &str) -> String {
    let url = match transport {
        "tcp" => format!("mqtt://127.0.0.1:{}", places.port),
        _ => format!("ws://127.0.0.1:{}/any/path", places.websocket_port),
    };
    let mut node = Command::new("node");
    node.arg(script("mqttjs_cases.mjs")).arg(mqttjs());
    printed(node.args([&url, version, USER, PASSWORD]))
}

fn python_cases(program: &str, places: &Places, transport: &str, version: &str) -> String {
    let mut python = Command::new("python3");
    python
        .arg("-B")
        .arg(script(program))
        .env("PYTHONPATH", self::python());
    printed(python.args([transport, &places.of(transport), version, USER, PASSWORD]))
}

/// What a program prints, also before it fails.
fn printed(command: &mut Command) -> String {
    let output = outcome(command);
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
