// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What another implementation makes of our certificates: OpenSSL in its strict mode, by its command line.

use std::fs;
use std::path::Path;
use std::process::Output;

const CARD: &str = "version = 1\n[system]\nhostname = \"plant-2\"\n[[user]]\nusername = \"one\"\nauth = \"certificate\"\n\
                    [[listener]]\nport = 8883\ntls = true\nrequire_certificate = true\n\
                    use_identity_as_username = true\n";

#[test]
fn openssl_accepts_authority_server_client_and_list_of_revoked_ones() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("boot/firmware")).unwrap();
    fs::write(root.join("boot/firmware/broker.toml"), CARD).unwrap();
    let long = "ü".repeat(64);
    let commands: [&[&str]; 4] = [
        &["apply"],
        &["cert", "client", &long, "--out", "."],
        &[
            "cert",
            "client",
            "two words",
            "--days",
            "7300",
            "--out",
            ".",
        ],
        &["cert", "revoke", "two words"],
    ];
    for arguments in commands {
        provision(root, arguments);
    }
    let [verify, strict] = ["verify", "-x509_strict"];
    let [file, authority] = ["-CAfile", "etc/broker/tls/ca.crt"];
    let [check, list] = ["-crl_check", "-CRLfile"];
    let revoked = "etc/broker/tls/crl.pem";
    let server = "etc/broker/tls/server.pem";
    let one = format!("{long}.crt");
    let accepted: [&[&str]; 8] = [
        &[verify, strict, file, authority, authority],
        &[
            verify,
            strict,
            file,
            authority,
            "-purpose",
            "sslserver",
            "-verify_hostname",
            "plant-2.local",
            server,
        ],
        &[
            verify,
            strict,
            file,
            authority,
            "-purpose",
            "sslserver",
            "-verify_ip",
            "127.0.0.1",
            server,
        ],
        &[
            verify,
            strict,
            file,
            authority,
            "-purpose",
            "sslclient",
            list,
            revoked,
            check,
            &one,
        ],
        &["pkey", "-noout", "-check", "-in", server],
        &["crl", "-noout", "-CAfile", authority, "-in", revoked],
        &["verify", file, "boot/firmware/ca.crt", server],
        &["x509", "-noout", "-text", "-in", &one],
    ];
    for arguments in accepted {
        let output = openssl(root, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", told(&output));
    }
    let refused: [(&[&str], &str); 3] = [
        (
            &[verify, file, authority, "-purpose", "sslclient", server],
            "purpose",
        ),
        (
            &[
                verify,
                file,
                authority,
                "-verify_hostname",
                "plant-3",
                server,
            ],
            "hostname mismatch",
        ),
        (
            &[
                verify,
                file,
                authority,
                list,
                revoked,
                check,
                "two words.crt",
            ],
            "revoked",
        ),
    ];
    for (arguments, expected) in refused {
        let output = openssl(root, arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(told(&output).contains(expected), "{}", told(&output));
    }
}

fn provision(root: &Path, arguments: &[&str]) {
    let output = run(
        root,
        env!("CARGO_BIN_EXE_broker-provision"),
        &[&["--root", "."], arguments].concat(),
    );
    assert!(output.status.success(), "{arguments:?}: {}", told(&output));
}

fn openssl(root: &Path, arguments: &[&str]) -> Output {
    run(root, "openssl", arguments)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the programs under test are programs"
)]
fn run(root: &Path, program: &str, arguments: &[&str]) -> Output {
    std::process::Command::new(program)
        .args(arguments)
        .current_dir(root)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
