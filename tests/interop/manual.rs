// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The owner's manual, word for word: its broker.toml on a device of its own, and every command and program against it.
//!
//! Only names, ports and paths are others than in docs/manual.

mod words;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tests::free_ports;
use tests::tools::{Running, need, program, run, top};

use crate::clients::{mqttjs, python};

/// A page of docs/manual.
pub fn page(name: &str) -> String {
    let path = top().join("docs/manual").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The blocks of a page that are marked so, without the lines of their fences.
pub fn blocks(page: &str, mark: &str) -> Vec<String> {
    let fence = format!("\n```{mark}\n");
    let rest = page.split(&fence).skip(1);
    let inner = rest.filter_map(|rest| rest.split("\n```").next());
    inner.map(str::to_owned).collect()
}

/// A broker as the page about clients sets it up.
struct Device {
    root: TempDir,
    /// In place of 1883, 8883 and 8083.
    ports: [u16; 3],
    _broker: Running,
}

impl Device {
    /// The provisioner takes the file, as at a start, and makes the certificates.
    fn start() -> Self {
        need(
            "trying what the manual says",
            &["mosquitto_pub=mosquitto-clients"],
        );
        let root = tempfile::tempdir().expect("a temporary folder can be made");
        let ((plain, secure), (browser, _)) = (free_ports(), free_ports());
        let ports = [plain, secure, browser];
        let folders = [
            "boot/firmware",
            "etc/broker",
            "var/lib/broker",
            "run/broker",
        ];
        for folder in folders {
            fs::create_dir_all(root.path().join(folder)).expect("a folder can be made");
        }
        let file = blocks(&page("connect.md"), "toml").remove(0);
        let card = root.path().join("boot/firmware/broker.toml");
        fs::write(&card, on_ports(&file, ports)).expect("a file can be written");
        let provisioner = program().with_file_name("broker-provision");
        run(Command::new(provisioner)
            .arg("apply")
            .arg("--root")
            .arg(root.path()));
        let mut daemon = Command::new(program());
        daemon.arg("run");
        for (option, path) in [
            ("--config", "etc/broker/broker.toml"),
            ("--control", "run/broker/control"),
            ("--state", "var/lib/broker"),
        ] {
            daemon.arg(option).arg(root.path().join(path));
        }
        let broker = Running::start(&mut daemon);
        Self {
            root,
            ports,
            _broker: broker,
        }
    }

    /// What the manual says, for this device.
    fn here(&self, text: &str) -> String {
        let authority = self.root.path().join("boot/firmware/ca.crt");
        let text = on_ports(text, self.ports).replace("broker.local", "localhost");
        text.replace("ca.crt", &authority.display().to_string())
    }

    /// Runs a line of a shell, which must succeed, and gives what it printed.
    fn shell(&self, line: &str) -> String {
        run(Command::new("sh").args(["-c", &self.here(line)]))
    }

    /// The same for a command of Mosquitto's, where the manual leaves out the usual port.
    fn mosquitto(&self, command: &str) -> String {
        let port = match command.contains(" -p ") {
            true => String::new(),
            false => format!(" -p {}", self.ports[0]),
        };
        self.shell(&format!("{command}{port}"))
    }

    /// A program of the manual as a file.
    fn written(&self, name: &str, text: &str) -> PathBuf {
        let path = self.root.path().join(name);
        fs::write(&path, self.here(text)).expect("a file can be written");
        path
    }

    /// Waits until it answers.
    fn ready(self) -> Self {
        let ping = "mosquitto_pub -h localhost -u sensors -P bicycle-lamp-9 -t ready -m 1";
        let mut tries = (0..).map(|_| {
            let line = format!("{ping} -p {} 2>/dev/null", self.ports[0]);
            Command::new("sh").args(["-c", &line]).status()
        });
        let begun = std::time::Instant::now();
        let answers = tries.any(|status| {
            assert!(begun.elapsed() < tests::tools::PATIENCE, "it never answers");
            status.is_ok_and(|status| status.success())
        });
        assert!(answers);
        self
    }
}

/// The text with this device's ports in place of the manual's.
fn on_ports(text: &str, ports: [u16; 3]) -> String {
    let marked = ["1883", "8883", "8083"]
        .iter()
        .zip(["\u{1}", "\u{2}", "\u{3}"]);
    let text = marked.fold(text.to_owned(), |text, (port, mark)| {
        text.replace(port, mark)
    });
    let marks = ["\u{1}", "\u{2}", "\u{3}"].iter().zip(ports);
    marks.fold(text, |text, (mark, port)| {
        text.replace(mark, &port.to_string())
    })
}

/// The commands of the blocks of a terminal, each with what it prints.
fn commands(page: &str) -> Vec<(String, String)> {
    let blocks = blocks(page, "console").into_iter();
    blocks
        .filter_map(|block| {
            let (command, printed) = block.split_once('\n').unwrap_or((&block, ""));
            Some((command.strip_prefix("$ ")?.to_owned(), printed.to_owned()))
        })
        .collect()
}

#[test]
fn what_is_sent_is_heard_as_the_manual_shows_it() {
    let device = Device::start().ready();
    let commands = commands(&page("connect.md"));
    let (sent, heard): (Vec<_>, Vec<_>) = commands
        .iter()
        .partition(|(command, _)| command.starts_with("mosquitto_pub"));
    assert_eq!((sent.len(), heard.len()), (2, 2), "{commands:?}");
    for (command, _) in &sent {
        // Retained, so that who subscribes later hears it.
        device.mosquitto(&format!("{command} -r"));
    }
    for (command, expected) in &heard {
        let topic = expected.split(' ').next().unwrap_or_default();
        let only = command.replace("'test/#'", topic);
        assert_eq!(
            device.mosquitto(&format!("{only} -C 1")).trim_end(),
            expected
        );
    }
}

#[test]
fn what_troubleshooting_says_about_messages_is_so() {
    let device = Device::start().ready();
    let sent = &commands(&page("connect.md"))[1].0;
    device.mosquitto(&format!("{sent} -r"));
    let told = commands(&page("troubleshooting.md"));
    let [(listen, printed), (remove, _)] = &told[..] else {
        panic!("other commands than this test knows: {told:?}")
    };
    assert_eq!(
        device.mosquitto(&format!("{listen} -C 1")).trim_end(),
        printed
    );
    device.mosquitto(remove);
    // Of both topics the one that was taken away would come first.
    device.mosquitto(
        &sent
            .replace("test/first", "test/last")
            .replace("mosquitto_pub", "mosquitto_pub -r"),
    );
    assert_eq!(
        device.mosquitto(&format!("{listen} -C 1")).trim_end(),
        "test/last hello"
    );
}

#[test]
fn retained_messages_move_from_the_old_broker() {
    let (old, new) = (Device::start().ready(), Device::start().ready());
    let login = "-u sensors -P bicycle-lamp-9";
    for topic in ["plant/a", "plant/b"] {
        old.mosquitto(&format!(
            "mosquitto_pub -h localhost {login} -r -t {topic} -m 'two words'"
        ));
    }
    let page = page("mosquitto.md");
    let scripts = blocks(&page, "sh");
    let script = scripts
        .iter()
        .find(|block| block.contains("--retained-only"))
        .expect("it is there");
    let from = format!("-h localhost -p {} {login} -W 1", old.ports[0]);
    let script = script.replace("-h OLD", &from).replace(" -W 5", "");
    let script = script.replace(
        "-h broker.local",
        &format!("-h broker.local -p {}", new.ports[0]),
    );
    new.shell(&script);
    let heard = new.mosquitto(&format!(
        "mosquitto_sub -h localhost {login} -t 'plant/#' -v -C 2"
    ));
    assert_eq!(heard, "plant/a two words\nplant/b two words\n");
}

#[test]
fn the_programs_in_python_hear_each_other() {
    let device = Device::start().ready();
    let programs = blocks(&page("connect.md"), "python");
    let [listen, send, secure] = &programs[..] else {
        panic!("{} programs", programs.len())
    };
    let command = |path: &Path| {
        let mut command = Command::new("python3");
        command.arg("-B").arg(path).env("PYTHONPATH", python());
        command
    };
    // What it sends is retained.
    run(&mut command(&device.written("send.py", send)));
    for (name, text) in [("listen.py", listen), ("secure.py", secure)] {
        hears(
            &mut command(&device.written(name, text)),
            "cellar/temperature 21.5",
        );
    }
}

#[test]
fn the_program_in_javascript_hears_what_is_sent() {
    let device = Device::start().ready();
    let programs = blocks(&page("connect.md"), "js");
    let library = format!("\"{}/build/index.js\"", mqttjs().display());
    let text = programs[0].replace("\"mqtt\"", &library);
    let send =
        "mosquitto_pub -h broker.local -u sensors -P bicycle-lamp-9 -r -t cellar/door -m open";
    device.mosquitto(send);
    let path = device.written("listen.mjs", &text);
    hears(Command::new("node").arg(path), "cellar/door open");
}

/// Starts a program and waits for a line of it.
#[track_caller]
fn hears(command: &mut Command, expected: &str) {
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let output = child.stdout.take().expect("its output is a pipe");
    let mut before = Vec::new();
    let heard = BufReader::new(output)
        .lines()
        .map_while(Result::ok)
        .any(|line| {
            before.push(line);
            before.last().is_some_and(|line| line == expected)
        });
    child.kill().expect("a child can be killed");
    child.wait().expect("a child can be waited for");
    assert!(heard, "{before:?}");
}
