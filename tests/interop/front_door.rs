// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `make run`, as somebody tries it who has just cloned the project.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use tests::free_ports;
use tests::tools::{need, run, top};

use crate::clients::{mqttjs, script};

/// What runs in the first terminal, interrupted at the end whatever happens.
struct Terminal(Child);

impl Terminal {
    /// Ctrl-C, and the exit status that follows.
    fn interrupt(&mut self) -> Option<i32> {
        run(Command::new("kill").args(["-INT", &self.0.id().to_string()]));
        self.0.wait().ok()?.code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.0.kill();
    }
}

#[test]
fn what_make_run_prints_is_true() {
    need(
        "trying what make run prints",
        &["mosquitto_pub=mosquitto-clients"],
    );
    let (port, websocket_port) = free_ports();
    let mut first = Command::new(top().join("deploy/run"));
    first.arg("target/front-door");
    first.env("MQTT_PORT", port.to_string());
    first.env("WEBSOCKET_PORT", websocket_port.to_string());
    let child = first.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut terminal = Terminal(child.expect("deploy/run starts"));
    let printed = printed_until_it_runs(&mut terminal.0);

    let [user, password] = ["user name", "password"].map(|name| value(&printed, name));
    let line = |name: &str| {
        let lines = printed.lines().map(str::trim);
        let found = lines.clone().find(|line| line.contains(name));
        found
            .unwrap_or_else(|| panic!("no {name} in:\n{printed}"))
            .to_owned()
    };
    // Retained, so that who subscribes later hears it.
    let shell = |line: String| run(Command::new("sh").args(["-c", &line]));
    shell(line("broker pub") + " -r");
    assert_eq!(shell(line("broker sub") + " -C 1"), "hello world\n");
    shell(line("mosquitto_pub") + " -r");
    let heard = shell(line("mosquitto_sub") + " -C 2");
    assert!(heard.contains("test hello\n"), "{heard}");
    let mut node = Command::new("node");
    let address = format!("ws://localhost:{websocket_port}");
    node.arg(script("mqttjs_cases.mjs")).arg(mqttjs());
    let heard = run(node.args([&address, "3.1.1", &user, &password]));
    assert!(heard.contains("round trip\tok"), "{heard}");
    let status = shell(line("broker status"));
    assert!(status.contains(&format!(":{port} ")), "{status}");

    assert_eq!(terminal.interrupt(), Some(0));
}

/// Everything it says until the broker runs.
fn printed_until_it_runs(child: &mut Child) -> String {
    let output = child.stdout.take().expect("its output is a pipe");
    let errors = child.stderr.take().expect("its errors are a pipe");
    let mut printed = String::new();
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        printed.push_str(&line);
        printed.push('\n');
        if line.contains("broker status") {
            break;
        }
    }
    let mut lines = BufReader::new(errors).lines().map_while(Result::ok);
    let runs = lines.any(|line| line.ends_with("running"));
    assert!(runs, "the broker does not run:\n{printed}");
    // Its further log must not fill the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    printed
}

/// The word behind a name in the report.
fn value(report: &str, name: &str) -> String {
    let line = report
        .lines()
        .find_map(|line| line.trim().strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in:\n{report}"))
        .trim()
        .to_owned()
}
