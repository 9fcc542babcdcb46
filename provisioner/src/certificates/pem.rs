// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Writes bytes as a section of a PEM file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// One section with its heading, 64 characters a line.
pub fn section(heading: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut section = format!("-----BEGIN {heading}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(LINE));
        section.push_str(line);
        section.push('\n');
        rest = more;
    }
    section.push_str(&format!("-----END {heading}-----\n"));
    section
}

/// Heading of a certificate.
pub const CERTIFICATE: &str = "CERTIFICATE";
/// Heading of a private key in PKCS #8.
pub const PRIVATE_KEY: &str = "PRIVATE KEY";
/// Heading of a list of revoked certificates.
pub const REVOCATIONS: &str = "X509 CRL";
/// Characters in a line.
const LINE: usize = 64;

#[cfg(test)]
mod tests {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;

    use super::*;

    #[test]
    fn a_section_is_read_back() {
        for length in [1, 47, 48, 49, 500] {
            let der = vec![0xA5; length];
            let text = section(CERTIFICATE, &der);
            assert!(text.lines().all(|line| line.len() <= LINE));
            let read = CertificateDer::from_pem_slice(text.as_bytes()).unwrap();
            assert_eq!(read.as_ref(), der);
        }
    }
}
