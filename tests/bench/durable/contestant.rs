// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A broker with its state on the measured file system; its CPU time is readable.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::tools::Measured;

/// A broker and what it is told about durability.
pub struct Setting {
    pub name: &'static str,
    program: fn() -> PathBuf,
    /// Arguments, of which `CONFIG` and `STATE` stand for paths.
    arguments: &'static [&'static str],
    configuration: fn(u16, &Path) -> String,
}

/// Ours in every mode that keeps something, and Mosquitto set to be as safe as it can.
pub const SETTINGS: [Setting; 4] = [
    Setting {
        name: "ours, sync",
        configuration: |port, _| ours(port, "sync"),
        ..OURS
    },
    Setting {
        name: "ours, group",
        configuration: |port, _| ours(port, "group"),
        ..OURS
    },
    Setting {
        name: "ours, relaxed",
        configuration: |port, _| ours(port, "relaxed"),
        ..OURS
    },
    Setting {
        name: "Mosquitto, autosave_on_changes 1",
        program: || {
            let found = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto"];
            let found = found.into_iter().find(|path| Path::new(path).exists());
            found.unwrap_or("mosquitto").into()
        },
        arguments: &["-c", "CONFIG"],
        configuration: |port, state| {
            format!(
                "listener {port} 127.0.0.1\nallow_anonymous true\nlog_dest none\nset_tcp_nodelay true\n\
                 user root\npersistence true\npersistence_location {}/\nautosave_on_changes true\nautosave_interval 1\n\
                 max_inflight_messages 10000\nmax_queued_messages 100000\n",
                state.display()
            )
        },
    },
];

const OURS: Setting = Setting {
    name: "ours",
    program: || {
        let own = std::env::current_exe().expect("a program knows its own path");
        own.with_file_name("broker")
    },
    arguments: &["run", "--config", "CONFIG", "--state", "STATE"],
    configuration: |_, _| String::new(),
};

fn ours(port: u16, mode: &str) -> String {
    format!(
        "version = 1\n[broker]\nallow_anonymous = true\n[persistence]\nmode = \"{mode}\"\n\
         [limits]\nmax_inflight_messages = 10000\nmax_queued_messages = 100000\nmax_queued_bytes = 268435456\n\
         [[listener]]\nport = {port}\nbind_address = \"127.0.0.1\"\n"
    )
}

/// A running broker; it is killed when it is dropped.
pub struct Contestant {
    pub address: SocketAddr,
    pub server: Measured,
}

impl Contestant {
    /// Starts it on the state that `state` has.
    pub fn start(setting: &Setting, state: &Path) -> Self {
        let socket = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
        let address = socket.local_addr().expect("a bound socket has an address");
        drop(socket);
        std::fs::create_dir_all(state).expect("the file system can be written");
        let file = state.join("configuration");
        let text = (setting.configuration)(address.port(), state);
        std::fs::write(&file, text).expect("the file system can be written");
        let arguments = setting.arguments.iter().map(|argument| match *argument {
            "CONFIG" => file.as_path(),
            "STATE" => state,
            other => Path::new(other),
        });
        let program = (setting.program)();
        let mut command = Command::new(program);
        Self {
            address,
            server: Measured::start(command.args(arguments), address),
        }
    }
}
