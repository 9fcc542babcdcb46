// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The list of revoked certificates, signed by the device's authority.

use rcgen::{
    CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber, date_time_ymd,
};

use super::CertificateError;
use super::authority::Authority;
use super::issued::Ledger;
use super::pem::{self, section};
use super::validity::{Validity, since_epoch};
use crate::clock::Moment;

/// The list as a PEM file; `now` becomes its number, which grows from list to list.
pub fn of(
    authority: &Authority,
    ledger: &Ledger,
    validity: Validity,
    now: Moment,
) -> Result<String, CertificateError> {
    let revoked = ledger.revoked(&authority.fingerprint);
    let revoked = revoked.filter_map(|entry| {
        Some(RevokedCertParams {
            serial_number: SerialNumber::from_slice(&entry.serial.0),
            revocation_time: date_time_ymd(1970, 1, 1) + since_epoch(entry.revoked?),
            reason_code: None,
            invalidity_date: None,
        })
    });
    let epoch = date_time_ymd(1970, 1, 1);
    let mut parameters = CertificateRevocationListParams {
        this_update: epoch,
        next_update: epoch,
        crl_number: SerialNumber::from(now.0),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    validity.limit_list(&mut parameters);
    let list = parameters
        .signed_by(&authority.issuer())
        .map_err(CertificateError::Sign)?;
    Ok(section(pem::REVOCATIONS, list.der()))
}
