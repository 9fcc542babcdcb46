// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The device's certificates over its starts: what clients can verify, when they are made anew, what is told.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use provisioner::Moment;
use provisioner::system::Files;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use webpki::{
    BorrowedCertRevocationList, CertRevocationList, EndEntityCert, KeyUsage,
    RevocationOptionsBuilder, anchor_from_trusted_cert,
};

use crate::scene::{Scene, places};

const TLS: &str = "version = 1\n[system]\nhostname = \"plant-2\"\n[[user]]\nusername = \"a\"\n\
                   password = \"hunter2\"\n[[listener]]\nport = 8883\ntls = true\n";
const DAY: u64 = 86_400;

#[test]
fn clients_verify_the_server_under_every_name_and_address() {
    let scene = started();
    for name in [
        "plant-2",
        "plant-2.local",
        "localhost",
        "127.0.0.1",
        "::1",
        "192.168.1.20",
    ] {
        verify(&scene, name, scene.now).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for name in ["raspberrypi.local", "192.168.1.21", "fe80::1"] {
        assert!(verify(&scene, name, scene.now).is_err(), "{name}");
    }
}

#[test]
fn without_a_listener_that_needs_one_no_certificate_is_made() {
    let own = "certfile = \"/etc/own.crt\"\nkeyfile = \"/etc/own.key\"\n";
    for text in [TLS.replace("tls = true\n", ""), format!("{TLS}{own}")] {
        let scene = Scene::with_file(&text);
        scene.boot().1.unwrap();
        assert_eq!(scene.card.text(&places().authority), None);
        assert_eq!(scene.card.text(&places().authority_on_card), None);
    }
}

#[test]
fn a_start_without_a_change_signs_nothing() {
    let scene = started();
    let before = server(&scene);
    scene.boot().1.unwrap();
    assert_eq!(server(&scene), before);
    assert!(
        !scene.report().contains("certificate for"),
        "{}",
        scene.report()
    );
}

#[test]
fn until_the_clock_is_set_the_certificate_counts_from_the_build() {
    let mut scene = Scene::with_file(TLS);
    scene.now = Moment(0);
    scene.machine.is_synchronised.set(false);
    scene.boot().1.unwrap();
    let early = Moment(1_795_392_000 + DAY);
    verify(&scene, "plant-2", early).unwrap();
    let first = server(&scene);
    scene.now = Moment(1_900_000_000);
    scene.machine.is_synchronised.set(true);
    let (lines, went_well) = provisioner::renew(&scene.world(&scene.card));
    assert!(went_well, "{lines:?}");
    assert_ne!(server(&scene), first);
    verify(&scene, "plant-2", Moment(1_900_000_000 + 395 * DAY)).unwrap();
    verify(&scene, "plant-2", Moment(1_900_000_000 - DAY / 2)).unwrap();
    assert!(verify(&scene, "plant-2", Moment(1_900_000_000 + 397 * DAY)).is_err());
}

#[test]
fn a_new_address_is_added_and_one_that_went_stays() {
    let mut scene = started();
    let address: IpAddr = "192.168.1.77".parse().unwrap();
    scene.network.addresses.push(address);
    scene.boot().1.unwrap();
    assert!(
        scene.report().contains("because 192.168.1.77 is new"),
        "{}",
        scene.report()
    );
    verify(&scene, "192.168.1.77", scene.now).unwrap();
    let before = server(&scene);
    scene.network.addresses.retain(|one| *one != address);
    scene.boot().1.unwrap();
    assert_eq!(server(&scene), before);
}

#[test]
fn what_is_missing_or_was_changed_is_made_anew_under_the_same_authority() {
    for file in [
        places().server_certificate,
        places().authority_certificate,
        places().authority_on_card,
        places().revocations,
        places().certificate_record,
    ] {
        let scene = started();
        let authority = authority(&scene);
        scene.card.put(&file, b"nonsense");
        scene.boot().1.unwrap();
        verify(&scene, "plant-2", scene.now)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(authority, self::authority(&scene), "{}", file.display());
        scene.card.take_away(&file);
        scene.boot().1.unwrap();
        assert!(scene.card.text(&file).is_some(), "{}", file.display());
        assert_eq!(authority, self::authority(&scene), "{}", file.display());
    }
}

#[test]
fn a_damaged_or_lost_authority_is_replaced_and_that_is_told_at_every_start() {
    for damage in [Some(b"nonsense".as_slice()), None] {
        let scene = started();
        let before = authority(&scene);
        match damage {
            Some(bytes) => scene.card.put(&places().authority, bytes),
            None => scene.card.take_away(&places().authority),
        }
        scene.boot().1.unwrap();
        assert_ne!(authority(&scene), before);
        verify(&scene, "plant-2", scene.now).unwrap();
        let report = scene.report();
        assert!(
            report.contains("copy the new ca.crt to every client"),
            "{report}"
        );
        scene.boot().1.unwrap();
        let report = scene.report();
        assert!(
            report.contains("clients with an earlier ca.crt need this one"),
            "{report}"
        );
    }
}

#[test]
fn a_clients_certificate_counts_until_it_is_revoked() {
    let scene = started();
    let world = scene.world(&scene.card);
    let folder = Path::new("/boot/firmware");
    let told = provisioner::issue_client(&world, "sensor 1", 30, folder).unwrap();
    assert!(
        told.contains("--cert '/boot/firmware/sensor 1.crt'"),
        "{told}"
    );
    let certificate = scene.card.text(&folder.join("sensor 1.crt")).unwrap();
    verify_client(&scene, &certificate).unwrap();
    let again = provisioner::issue_client(&world, "sensor 1", 30, folder).unwrap_err();
    assert!(again.contains("is there already"), "{again}");
    let listed = provisioner::list_clients(&world).unwrap();
    assert!(listed.ends_with("  valid  sensor 1\n"), "{listed}");
    provisioner::revoke_client(&world, "sensor 1").unwrap();
    assert!(matches!(
        verify_client(&scene, &certificate),
        Err(webpki::Error::CertRevoked)
    ));
    let again = provisioner::revoke_client(&world, "sensor 1").unwrap_err();
    assert!(again.contains("no valid certificate"), "{again}");
}

#[test]
fn a_name_no_user_can_have_gets_no_certificate() {
    let scene = started();
    let world = scene.world(&scene.card);
    for name in ["", "a/b", "a+", "#", "a\nb", &"x".repeat(129)] {
        let told = provisioner::issue_client(&world, name, 30, Path::new("/boot/firmware"));
        assert!(told.is_err(), "{name:?}");
    }
    assert_eq!(scene.card.text(&places().issued), None);
}

#[test]
fn a_damaged_list_of_certificates_never_empties_the_list_of_revoked_ones() {
    let scene = started();
    let world = scene.world(&scene.card);
    provisioner::issue_client(&world, "one", 30, Path::new("/boot/firmware")).unwrap();
    provisioner::revoke_client(&world, "one").unwrap();
    let list = scene.card.text(&places().revocations);
    scene.card.put(&places().issued, b"nonsense");
    scene.boot().1.unwrap();
    assert_eq!(scene.card.text(&places().revocations), list);
    assert!(
        scene.report().contains("damaged in line 1"),
        "{}",
        scene.report()
    );
}

fn started() -> Scene {
    let scene = Scene::with_file(TLS);
    scene.boot().1.unwrap();
    scene
}

fn server(scene: &Scene) -> String {
    scene.card.text(&places().server_certificate).unwrap()
}

fn authority(scene: &Scene) -> String {
    scene.card.text(&places().authority_certificate).unwrap()
}

/// Whether a client that has only the card's ca.crt finds the server to be this one.
fn verify(scene: &Scene, name: &str, now: Moment) -> Result<(), webpki::Error> {
    let authority = scene.card.text(&places().authority_on_card).unwrap();
    let authority = CertificateDer::from_pem_slice(authority.as_bytes()).unwrap();
    let server = server(scene);
    let server = CertificateDer::from_pem_slice(server.as_bytes()).unwrap();
    let leaf = EndEntityCert::try_from(&server)?;
    leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &[anchor_from_trusted_cert(&authority)?],
        &[],
        UnixTime::since_unix_epoch(Duration::from_secs(now.0)),
        KeyUsage::server_auth(),
        None,
        None,
    )?;
    leaf.verify_is_valid_for_subject_name(&ServerName::try_from(name).unwrap())
}

/// Whether the daemon lets a client in with it, by the authority and list it has.
fn verify_client(scene: &Scene, certificate: &str) -> Result<(), webpki::Error> {
    let authority = authority(scene);
    let authority = CertificateDer::from_pem_slice(authority.as_bytes()).unwrap();
    let list = scene
        .card
        .read(&places().revocations, u64::MAX)
        .unwrap()
        .unwrap();
    let list = CertificateRevocationListDer::from_pem_slice(&list).unwrap();
    let list = CertRevocationList::from(BorrowedCertRevocationList::from_der(&list)?.to_owned()?);
    let lists = [&list];
    let revocation = RevocationOptionsBuilder::new(&lists).unwrap().build();
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let leaf = EndEntityCert::try_from(&certificate)?;
    leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &[anchor_from_trusted_cert(&authority)?],
        &[],
        UnixTime::since_unix_epoch(Duration::from_secs(scene.now.0)),
        KeyUsage::client_auth(),
        Some(revocation),
        None,
    )?;
    Ok(())
}
