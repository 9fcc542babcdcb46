// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The command line: exit status, and real files below `--root`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

#[test]
fn each_command_ends_with_its_documented_status() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let cases = [
        (None, "plan", 2),
        (None, "apply", 1),
        (Some("version = 1\n"), "plan", 0),
        (Some("version = 1\n"), "status", 1),
        (Some("version = 1\n"), "apply", 0),
        (Some("version = 1\n"), "status", 0),
        (Some("version = 2\n"), "plan", 1),
        (Some("version = 2\n"), "apply", 0),
        (Some("version = 2\n"), "status", 1),
        (Some("version = 1\n"), "nonsense", 2),
        (Some("version = 1\n"), "certificate", 0),
        (Some("version = 1\n"), "cert", 2),
        (Some("version = 1\n"), "--version", 0),
        (Some("version = 1\n"), "--help", 0),
    ];
    for (file, command, expected) in cases {
        if let Some(text) = file {
            fs::create_dir_all(root.join("boot/firmware")).unwrap();
            fs::write(root.join("boot/firmware/broker.toml"), text).unwrap();
        }
        let output = run(&["--root".as_ref(), root, command.as_ref()]);
        assert_eq!(
            output.status.code(),
            Some(expected),
            "{command} with {file:?}: {output:?}"
        );
    }
}

#[test]
fn without_arguments_the_help_is_printed() {
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("usage: broker-provision"));
}

#[test]
fn below_a_root_everything_is_written_there_and_the_machine_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let boot = folder.path().join("card");
    fs::create_dir_all(&boot).unwrap();
    let text = "version = 1\n[system]\nhostname = \"plant-2\"\n[[user]]\nusername = \"a\"\npassword = \"hunter2\"\n";
    fs::write(boot.join("broker.toml"), text).unwrap();
    let root = folder.path().join("root");
    let output = run(&[
        "--root".as_ref(),
        &root,
        "--boot".as_ref(),
        &boot,
        "apply".as_ref(),
    ]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains("set the host name to `plant-2`: left to you"),
        "{told}"
    );
    let mode = |path: &str| fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("etc/broker/broker.toml"), 0o640);
    assert_eq!(mode("var/lib/broker-provision"), 0o700);
    assert_eq!(mode("var/lib/broker-provision/desired.json"), 0o600);
    let card = fs::read_to_string(boot.join("broker.toml")).unwrap();
    assert_eq!(card, text.replace("\"hunter2\"", "0        "));
    assert!(
        fs::read_to_string(boot.join("broker-report.txt"))
            .unwrap()
            .contains("APPLIED\r\n")
    );
}

#[test]
fn a_second_provisioner_is_kept_out() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("var/lib/broker-provision");
    fs::create_dir_all(&state).unwrap();
    let file = fs::File::create(state.join("lock")).unwrap();
    let _held = nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusive).unwrap();
    let output = run(&["--root".as_ref(), folder.path(), "apply".as_ref()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("another broker-provision"));
}

#[expect(
    clippy::disallowed_methods,
    reason = "the program under test is a program"
)]
fn run(arguments: &[&Path]) -> Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_broker-provision"));
    command
        .args(arguments)
        .env_remove("JOURNAL_STREAM")
        .output()
        .unwrap()
}
