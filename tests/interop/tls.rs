// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Listeners with TLS, tried with OpenSSL, Mosquitto's clients and mqtt.js.

mod matrix;
mod swap;

use std::path::Path;
use std::process::{Command, Output};

use tests::certificates::{Authority, Identity, Purpose, put};
use tests::tools::{need, outcome, program, run};
use tests::{Daemon, PASSWORD, USER, free_ports};

use crate::clients::{mqttjs, script};

/// A kind of listener.
pub struct Kind {
    pub name: &'static str,
    pub websocket: bool,
    /// Whether clients must show a certificate.
    pub certificate: bool,
    /// Keys of the listener beyond `tls`.
    keys: &'static str,
}

pub const KINDS: [Kind; 6] = [
    Kind {
        name: "mqtt",
        websocket: false,
        certificate: false,
        keys: "",
    },
    Kind {
        name: "mqtt, TLS 1.3",
        websocket: false,
        certificate: false,
        keys: "tls_version = \"tlsv1.3\"\n",
    },
    Kind {
        name: "wss",
        websocket: true,
        certificate: false,
        keys: "",
    },
    Kind {
        name: "mqtt, certificate",
        websocket: false,
        certificate: true,
        keys: "require_certificate = true\n",
    },
    Kind {
        name: "wss, certificate",
        websocket: true,
        certificate: true,
        keys: "require_certificate = true\n",
    },
    Kind {
        name: "mqtt, identity",
        websocket: false,
        certificate: true,
        keys: "require_certificate = true\nuse_identity_as_username = true\n",
    },
];

/// A daemon with a listener of each kind, each of them a second time with a certificate that signs itself.
pub struct House {
    pub daemon: Daemon,
    pub authority: Authority,
    good: Vec<u16>,
    unsigned: Vec<u16>,
}

impl House {
    #[track_caller]
    pub fn open() -> Self {
        need(
            "trying TLS with other people's programs",
            &["openssl=openssl", "mosquitto_pub=mosquitto-clients"],
        );
        let daemon = Daemon::start();
        let folder = daemon.path("");
        let authority = Authority::new("the device's authority");
        furnish(&folder, &authority);
        let ports: Vec<(u16, u16)> = KINDS.iter().map(|_| free_ports()).collect();
        let house = Self {
            daemon,
            authority,
            good: ports.iter().map(|(port, _)| *port).collect(),
            unsigned: ports.iter().map(|(_, port)| *port).collect(),
        };
        house.daemon.configure(&house.listeners());
        let answer = house.daemon.ask("reload");
        assert_eq!(answer["reload"]["accepted"], true, "{answer}");
        let states = house.daemon.listeners();
        let open = |state: &&serde_json::Value| state["state"] == "listening";
        assert_eq!(states.iter().filter(open).count(), 14, "{states:#?}");
        house
    }

    /// Where a kind listens.
    pub fn port(&self, kind: usize) -> u16 {
        self.good[kind]
    }

    /// Where the same listens with the certificate that signs itself.
    pub fn unsigned_port(&self, kind: usize) -> u16 {
        self.unsigned[kind]
    }

    /// The path of one of its files.
    pub fn file(&self, name: &str) -> String {
        self.daemon.path(name).display().to_string()
    }

    fn listeners(&self) -> String {
        let listener = |(kind, port): (&Kind, &u16), more: &str| {
            let protocol = if kind.websocket { "websockets" } else { "mqtt" };
            format!(
                "[[listener]]\nport = {port}\nbind_address = \"127.0.0.1\"\nprotocol = \"{protocol}\"\n\
                 tls = true\n{}{more}",
                kind.keys
            )
        };
        let good = KINDS.iter().zip(&self.good);
        let unsigned = KINDS.iter().zip(&self.unsigned);
        let keys = "certfile = \"unsigned.crt\"\nkeyfile = \"unsigned.key\"\n";
        let users = "[[user]]\nusername = \"pump\"\nauth = \"certificate\"\n".to_owned();
        let good: String = good.map(|pair| listener(pair, "")).collect();
        let unsigned: String = unsigned.map(|pair| listener(pair, keys)).collect();
        users + &good + &unsigned
    }
}

/// Puts every certificate that the tests need into the folder of a daemon.
fn furnish(folder: &Path, authority: &Authority) {
    let stranger = Authority::new("another authority");
    let server = authority.sign("localhost", Purpose::Server, 2400);
    let revoked = authority.sign("pump", Purpose::Client, 2400);
    put(folder, "tls/server.pem", &server.both());
    put(folder, "tls/ca.crt", &authority.pem());
    put(folder, "tls/crl.pem", &authority.revoke(&[&revoked]));
    put(folder, "stranger.crt", &stranger.pem());
    revoked.put(folder, "revoked");
    let client = |name, until| authority.sign(name, Purpose::Client, until);
    client("pump", 2400).put(folder, "pump");
    client("somebody", 2400).put(folder, "somebody");
    client("pump", 2021).put(folder, "expired");
    let other = authority.sign("pump", Purpose::Server, 2400);
    other.put(folder, "purpose");
    let foreign = stranger.sign("pump", Purpose::Client, 2400);
    foreign.put(folder, "foreign");
    Identity::self_signed("localhost", Purpose::Server).put(folder, "unsigned");
}

/// `mosquitto_pub` to a listener; a certificate is shown where a name of one is given.
pub fn publisher(house: &House, port: u16, certificate: Option<&str>, login: bool) -> Command {
    let mut command = Command::new("mosquitto_pub");
    command.args(["-h", "localhost", "-p", &port.to_string(), "-q", "1"]);
    command.args([
        "--cafile",
        &house.file("tls/ca.crt"),
        "-t",
        "x",
        "-m",
        "hello",
    ]);
    if login {
        command.args(["-u", USER, "-P", PASSWORD]);
    }
    if let Some(name) = certificate {
        let [certificate, key] = ["crt", "key"].map(|end| house.file(&format!("{name}.{end}")));
        command.args(["--cert", &certificate, "--key", &key]);
    }
    command
}

/// The same, run to its end.
pub fn publish(house: &House, port: u16, certificate: Option<&str>, login: bool) -> Output {
    outcome(&mut publisher(house, port, certificate, login))
}

/// mqtt.js to a listener for WebSocket; what it prints.
pub fn publish_from_node(house: &House, port: u16, certificate: Option<&str>) -> String {
    let mut node = Command::new("node");
    node.arg(script("mqttjs_tls.mjs")).arg(mqttjs());
    node.arg(format!("wss://localhost:{port}"));
    node.args([USER, PASSWORD, &house.file("tls/ca.crt")]);
    if let Some(name) = certificate {
        node.args(["crt", "key"].map(|end| house.file(&format!("{name}.{end}"))));
    }
    run(&mut node)
}

#[test]
fn each_kind_of_listener_lets_in_whom_it_should() {
    let house = House::open();
    // The one whose line is looked for comes first: of an address that says much not every line is shown.
    for (index, kind) in KINDS.iter().enumerate().rev() {
        let certificate = kind.certificate.then_some("pump");
        let port = house.port(index);
        if kind.websocket {
            let printed = publish_from_node(&house, port, certificate);
            assert_eq!(printed, "hello\n", "{}", kind.name);
        } else {
            let login = kind.name != "mqtt, identity";
            let output = publish(&house, port, certificate, login);
            assert!(output.status.success(), "{}: {output:?}", kind.name);
        }
    }
    let line = house.daemon.expect_line("u'pump'");
    assert!(line.contains("New client connected"), "{line}");
}

#[test]
fn the_brokers_own_commands_speak_tls_and_say_what_is_wrong() {
    let house = House::open();
    let publish = |port: u16, options: &[&str]| {
        let mut command = Command::new(program());
        command.args(["pub", "-p", &port.to_string(), "-u", USER, "-P", PASSWORD]);
        let output = outcome(command.args(["-t", "x", "-m", "hello"]).args(options));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), told)
    };
    let files = ["tls/ca.crt", "stranger.crt", "pump.crt", "pump.key"];
    let [ca, stranger, cert, key] = files.map(|name| house.file(name));
    let (plain, open, strict) = (house.daemon.port, house.port(0), house.port(3));
    let identity = ["--cafile", &ca, "--cert", &cert, "--key", &key];
    assert_eq!(publish(open, &["--cafile", &ca]), (Some(0), String::new()));
    assert_eq!(publish(strict, &identity), (Some(0), String::new()));
    let elsewhere = ["--cafile", &ca, "-h", "::ffff:127.0.0.1"];
    let mixed = ["--cafile", &ca, "--cert", &ca, "--key", &key];
    let cases: [(u16, &[&str], &str); 7] = [
        (open, &["--cafile", &stranger], "is not signed by --cafile"),
        (open, &elsewhere, "is for other names"),
        (
            strict,
            &["--cafile", &ca],
            "wants a certificate of its clients",
        ),
        (open, &["--cafile", "/nonexistent"], "cannot be read"),
        (open, &["--cafile", &key], "holds no certificate in PEM"),
        (open, &mixed, "is not the one of the certificate"),
        (
            plain,
            &["--cafile", &ca],
            "the broker closed the connection",
        ),
    ];
    for (port, options, expected) in cases {
        let (status, told) = publish(port, options);
        assert_eq!(status, Some(1), "{told}");
        assert!(told.contains(expected), "{expected}: {told}");
    }
}

#[test]
fn openssl_sees_the_certificate_and_both_versions_of_tls() {
    let house = House::open();
    let ca = house.file("tls/ca.crt");
    for (version, cipher) in [("-tls1_2", "ECDHE"), ("-tls1_3", "TLS_")] {
        let address = format!("localhost:{}", house.port(0));
        let mut openssl = Command::new("openssl");
        openssl.args(["s_client", "-connect", &address, "-CAfile", &ca, version]);
        openssl.args(["-verify_return_error", "-verify_hostname", "localhost"]);
        let printed = run(openssl.args(["-alpn", "mqtt"]));
        assert!(printed.contains("Verify return code: 0 (ok)"), "{printed}");
        assert!(printed.contains("ALPN protocol: mqtt"), "{printed}");
        assert!(printed.contains("Secure Renegotiation IS") || version == "-tls1_3");
        let line = printed.lines().find(|line| line.contains("Cipher is"));
        assert!(line.is_some_and(|line| line.contains(cipher)), "{printed}");
    }
}
