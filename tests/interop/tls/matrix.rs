// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Six kinds of listener × twelve bad cases: each is refused, and the log says why. The table goes to `target/tmp/tls-matrix`.
//!
//! What a listener without clients' certificates cannot be asked is replaced by another bad case.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::process::Command;

use tests::connect_from;
use tests::tools::{PATIENCE, outcome};

use super::{House, KINDS, Kind, publisher};

/// What a bad client does.
enum Bad {
    /// `openssl s_client` with these options, the CA and the listener's good certificate of a client beside them.
    OpenSsl(&'static [&'static str]),
    /// The same with another certificate of a client.
    Certificate(&'static str),
    /// The same where the server's certificate signs itself.
    SelfSigned,
    /// It verifies by another authority.
    OtherAuthority,
    /// It shows no certificate.
    NoCertificate,
    /// Bytes that are not TLS, or the begin of it.
    Bytes(&'static [u8]),
    /// A certificate that is good, and whose name nobody has.
    Nobody,
}

struct Case {
    name: &'static str,
    bad: Bad,
    /// What the log says.
    told: &'static str,
}

#[test]
fn every_bad_client_is_refused_and_the_log_says_why() {
    let house = House::open();
    let mut table = String::from("TLS: kind of listener, bad case, what the log says\n");
    let mut cells = 0;
    for (index, kind) in KINDS.iter().enumerate() {
        for (number, case) in cases(kind).into_iter().enumerate() {
            let port = match case.bad {
                Bad::SelfSigned => house.unsigned_port(index),
                _ => house.port(index),
            };
            // The log tells only so much of one address in a second.
            let from = Ipv4Addr::new(127, 2, index as u8, number as u8 + 1);
            refused(&house, kind, (from, port), &case);
            let line = house.daemon.expect_line(case.told);
            assert!(
                line.contains(&format!("address {from}")),
                "{}: {line}",
                case.name
            );
            let _ = writeln!(
                table,
                "{:<18} {:<34} refused: {}",
                kind.name, case.name, case.told
            );
            cells += 1;
        }
    }
    assert_eq!(cells, 72);
    let clients = house.daemon.ask("status")["status"]["counters"]["clients_connected"].clone();
    assert_eq!(clients, 0);
    let _ = writeln!(table, "{cells} of 72 refused");
    let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/tls-matrix");
    std::fs::write(file, &table).expect("the table can be written");
    println!("{table}");
}

fn cases(kind: &Kind) -> Vec<Case> {
    let case = |name, bad, told| Case { name, bad, told };
    let is_new = kind.name == "mqtt, TLS 1.3";
    let downgrade: &[&str] = match is_new {
        true => &["-tls1_2"],
        false => &["-tls1", "-cipher", "DEFAULT@SECLEVEL=0"],
    };
    let mut cases = vec![
        case(
            "without the CA",
            Bad::OtherAuthority,
            "does not trust our certificate: give it ca.crt",
        ),
        case(
            "wrong name",
            Bad::OpenSsl(&["-verify_hostname", "wrong.example"]),
            "refuses our certificate",
        ),
        case(
            "server's certificate expired",
            Bad::OpenSsl(&["-attime", "20000000000"]),
            "takes our certificate for expired",
        ),
        case(
            "server signs itself",
            Bad::SelfSigned,
            "does not trust our certificate: give it ca.crt",
        ),
        case(
            "TLS 1.1",
            Bad::OpenSsl(&["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]),
            "an older version of TLS",
        ),
        case(
            if is_new { "TLS 1.2" } else { "TLS 1.0" },
            Bad::OpenSsl(downgrade),
            "an older version of TLS",
        ),
        case(
            "plain MQTT",
            Bad::Bytes(CONNECT),
            "plain MQTT on a TLS port",
        ),
    ];
    if !kind.certificate {
        let ciphers: &[&str] = match is_new {
            true => &["-ciphersuites", "TLS_AES_128_CCM_SHA256"],
            false => &["-tls1_2", "-cipher", "AES128-SHA"],
        };
        cases.extend([
            case(
                "plain HTTP",
                Bad::Bytes(b"GET / HTTP/1.1\r\n\r\n"),
                "HTTP on a TLS port",
            ),
            case(
                "another protocol (ALPN)",
                Bad::OpenSsl(&["-alpn", "h2"]),
                "wants another protocol",
            ),
            case("SSL 2", Bad::Bytes(b"\x80\x2e\x01\x00\x02"), "SSL 2"),
            case(
                "no common cipher",
                Bad::OpenSsl(ciphers),
                "shares no cipher",
            ),
            case(
                "hangs up in the handshake",
                Bad::Bytes(b"\x16\x03\x01\x00\xa5"),
                "closed the connection during the TLS handshake",
            ),
        ]);
        return cases;
    }
    cases.extend([
        case(
            "no certificate",
            Bad::NoCertificate,
            "showed no certificate",
        ),
        case(
            "certificate of another CA",
            Bad::Certificate("foreign"),
            "signed by another CA",
        ),
        case(
            "certificate expired",
            Bad::Certificate("expired"),
            "client's certificate has expired",
        ),
        case(
            "certificate revoked",
            Bad::Certificate("revoked"),
            "client's certificate is revoked",
        ),
    ]);
    cases.push(match kind.name {
        "mqtt, identity" => case("name nobody has", Bad::Nobody, "no user has the name"),
        _ => case(
            "certificate for servers",
            Bad::Certificate("purpose"),
            "not for clients",
        ),
    });
    cases
}

#[track_caller]
fn refused(house: &House, kind: &Kind, at: (Ipv4Addr, u16), case: &Case) {
    let ca = house.file("tls/ca.crt");
    let own = kind.certificate.then_some("pump");
    match case.bad {
        Bad::OpenSsl(options) => openssl(house, at, &ca, own, options),
        Bad::SelfSigned => openssl(house, at, &ca, own, &[]),
        Bad::Certificate(name) => openssl(house, at, &ca, Some(name), &[]),
        Bad::OtherAuthority => openssl(house, at, &house.file("stranger.crt"), own, &[]),
        Bad::NoCertificate => openssl(house, at, &ca, None, &[]),
        Bad::Bytes(bytes) => send(at, bytes),
        Bad::Nobody => {
            let (from, port) = at;
            let mut command = publisher(house, port, Some("somebody"), false);
            let output = outcome(command.args(["-A", &from.to_string()]));
            assert!(!output.status.success(), "{output:?}");
        }
    }
}

/// In TLS 1.3 the client believes that all is well until it reads the server's alert.
#[track_caller]
fn openssl(
    house: &House,
    (from, port): (Ipv4Addr, u16),
    ca: &str,
    certificate: Option<&str>,
    options: &[&str],
) {
    let mut openssl = Command::new("openssl");
    openssl.args([
        "s_client",
        "-connect",
        &format!("127.0.0.1:{port}"),
        "-CAfile",
        ca,
    ]);
    openssl.args(["-bind", &format!("{from}:0")]);
    openssl
        .args(["-verify_return_error", "-ign_eof"])
        .args(options);
    if let Some(name) = certificate {
        let [certificate, key] = ["crt", "key"].map(|end| house.file(&format!("{name}.{end}")));
        openssl.args(["-cert", &certificate, "-key", &key]);
    }
    let output = outcome(&mut openssl);
    assert!(!output.status.success(), "{openssl:?}: {output:?}");
}

/// Sends bytes and hears at most an alert.
#[track_caller]
fn send((from, port): (Ipv4Addr, u16), bytes: &[u8]) {
    let mut socket = connect_from(from, port).expect("it listens");
    socket
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout can be set");
    socket.write_all(bytes).expect("it reads");
    // It may have hung up already.
    let _ = socket.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    // A reset is an end, too.
    let _ = socket.read_to_end(&mut answer);
    assert!(answer.len() <= 7, "{answer:?}");
}

/// A CONNECT of MQTT 3.1.1.
const CONNECT: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a";
