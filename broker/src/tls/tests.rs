// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Files that come, change, and are not what they should be.

use std::fs;

use broker_config::{Certificate as Shown, ClientCertificates};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

use super::*;

/// A folder with a broker.toml's files.
struct Folder(tempfile::TempDir);

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Certificate and key in PEM, good until a year.
fn leaf(by: &Authority, until: i32) -> (String, String) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = date_time_ymd(until, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, by).unwrap();
    (
        pem("CERTIFICATE", certificate.der()),
        pem("PRIVATE KEY", &key.serialize_der()),
    )
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tls")).unwrap();
        Self(folder)
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        let next = path.with_extension("new");
        fs::write(&next, text).unwrap();
        fs::rename(&next, &path).unwrap();
    }

    fn keeper(&self, tls: Tls) -> Arc<Keeper> {
        let listener = Listener {
            port: 8883,
            tls: Some(tls),
            ..Listener::default()
        };
        Keeper::of(self.0.path(), &listener).unwrap()
    }
}

fn own() -> Tls {
    Tls {
        certificate: Shown::Own {
            certfile: "own.pem".to_owned(),
            keyfile: "own.key".to_owned(),
        },
        ..Tls::default()
    }
}

fn fingerprint(keeper: &Keeper) -> Option<String> {
    keeper.offer().map(|offer| offer.facts.fingerprint.clone())
}

#[test]
fn a_file_that_is_not_what_it_should_be_is_named_with_the_remedy() {
    let (ca, other) = (authority("a"), authority("b"));
    let (certificate, key) = leaf(&ca, 2400);
    let (_, other_key) = leaf(&ca, 2400);
    let chain = certificate.clone() + &pem("CERTIFICATE", ca.der());
    let reversed = pem("CERTIFICATE", ca.der()) + &certificate;
    let broken = certificate.clone() + &pem("CERTIFICATE", other.der());
    let damaged = certificate.replacen("MI", "MA", 1);
    let encrypted = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    let cases = [
        (None, Some(&key), "own.pem is missing"),
        (Some("nothing"), Some(&key), "holds no certificate in PEM"),
        (Some(&damaged), Some(&key), "is damaged"),
        (Some(&reversed), Some(&key), "in the wrong order"),
        (Some(&broken), Some(&key), "in the wrong order"),
        (Some(&chain), None, "own.key is missing"),
        (
            Some(&chain),
            Some(&encrypted),
            "one with a passphrase cannot",
        ),
        (
            Some(&chain),
            Some(&other_key),
            "is not the one of the certificate",
        ),
    ];
    for (certificate, key, expected) in cases {
        let folder = Folder::new();
        let keeper = folder.keeper(own());
        certificate.inspect(|text| folder.put("own.pem", text));
        key.inspect(|text| folder.put("own.key", text));
        keeper.refresh(None);
        assert!(keeper.offer().is_none(), "{expected}");
        assert!(keeper.fault().contains(expected), "{}", keeper.fault());
    }
}

#[test]
fn files_that_come_later_open_the_listener_and_bad_ones_keep_what_was_there() {
    let folder = Folder::new();
    let keeper = folder.keeper(Tls::default());
    keeper.refresh(None);
    assert!(
        keeper.fault().contains("broker-provision makes it"),
        "{}",
        keeper.fault()
    );
    let ca = authority("a");
    let (certificate, key) = leaf(&ca, 2400);
    folder.put("tls/server.pem", &(certificate + &key));
    let lines = keeper.refresh(None);
    assert!(
        matches!(&lines[..], [Line::Notice(line)] if line.contains("good until 2400-01-01")),
        "{lines:?}"
    );
    let first = fingerprint(&keeper);
    assert!(first.is_some());
    assert_eq!(keeper.refresh(None), []);

    folder.put("tls/server.pem", "half a file");
    let lines = keeper.refresh(None);
    assert!(
        matches!(&lines[..], [Line::Warning(line)] if line.contains("stays in use")),
        "{lines:?}"
    );
    assert_eq!(keeper.refresh(None), [], "it is said once");
    assert_eq!(fingerprint(&keeper), first);
    assert_eq!(keeper.state().troubles.len(), 1);

    let (certificate, key) = leaf(&ca, 2401);
    folder.put("tls/server.pem", &(certificate + &key));
    keeper.refresh(None);
    assert_ne!(fingerprint(&keeper), first);
    assert_eq!(keeper.state().troubles, [] as [&str; 0]);
}

#[test]
fn other_settings_whose_files_do_not_load_leave_nothing_to_offer() {
    let folder = Folder::new();
    let ca = authority("a");
    let (certificate, key) = leaf(&ca, 2400);
    folder.put("tls/server.pem", &(certificate + &key));
    let keeper = folder.keeper(Tls::default());
    keeper.refresh(Some(&Tls::default()));
    assert!(keeper.offer().is_some());
    let strict = Tls {
        clients: Some(ClientCertificates {
            required: true,
            ..ClientCertificates::default()
        }),
        ..Tls::default()
    };
    keeper.refresh(Some(&strict));
    assert!(keeper.offer().is_none());
    assert!(
        keeper.fault().contains("ca.crt is missing"),
        "{}",
        keeper.fault()
    );
    folder.put("tls/ca.crt", "no authority");
    keeper.refresh(None);
    assert!(
        keeper.fault().contains("holds no certificate of a CA"),
        "{}",
        keeper.fault()
    );
    folder.put("tls/ca.crt", &pem("CERTIFICATE", ca.der()));
    keeper.refresh(None);
    assert!(keeper.offer().is_some());
    folder.put("tls/crl.pem", "no list");
    let lines = keeper.refresh(None);
    assert!(
        matches!(&lines[..], [Line::Warning(line)] if line.contains("BEGIN X509 CRL")),
        "{lines:?}"
    );
}

#[test]
fn the_end_of_a_certificate_is_told_at_each_step_once() {
    let folder = Folder::new();
    let (certificate, key) = leaf(&authority("a"), 2100);
    folder.put("tls/server.pem", &(certificate + &key));
    let keeper = folder.keeper(Tls::default());
    keeper.refresh(None);
    let end = 4_102_444_800;
    let days = |days: u64| end - days * DAY;
    let cases = [
        (days(40), None),
        (days(30), Some("expires on 2100-01-01, in 30 days")),
        (days(29), None),
        (days(14), Some("in 14 days")),
        (days(7), Some("in 7 days")),
        (days(3), Some("in 3 days")),
        (days(1), Some("in 1 day.")),
        (days(1) + 60, None),
        (end, Some("EXPIRED on 2100-01-01")),
        (end + DAY, None),
    ];
    for (now, expected) in cases {
        let lines = keeper.expiry(&mut keeper.kept(), now);
        match expected {
            None => assert_eq!(lines, [], "{now}"),
            Some(words) => assert!(
                matches!(&lines[..], [Line::Warning(line)] if line.contains(words)),
                "{now}: {lines:?}"
            ),
        }
    }
}
