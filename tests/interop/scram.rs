// SPDX-License-Identifier: Apache-2.0 OR MIT
//! SCRAM-SHA-256 of the real daemon with an implementation that is not ours: hashlib and hmac of Python.
//!
//! No client of the registries sends AUTH by itself yet, so the packets are made there as well.

use std::process::Command;

use tests::Daemon;
use tests::tools::{need, run};

use crate::clients::script;

#[test]
fn a_python_client_proves_its_password_and_sees_each_refusal() {
    need(
        "trying the broker's SCRAM with Python's",
        &["python3=python3"],
    );
    let daemon = Daemon::start();
    daemon.configure(
        "[[user]]\nusername = \"meter\"\npassword = \"pencil, sharp=1\"\nauth = \"scram\"\n",
    );
    daemon.ask("reload");
    let mut python = Command::new("python3");
    run(python
        .arg(script("scram_rounds.py"))
        .arg(daemon.port.to_string()));
    daemon.expect_line("wrong password; user 'meter', address 127.0.0.1:");
}
