// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The stored form of a listener's TLS, version 1.

use broker_config::{Certificate, ClientCertificates, Tls, TlsVersion};
use serde::{Deserialize, Serialize};

use super::DesiredError;

/// Absent where there is no TLS.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredTls {
    minimum: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certfile: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keyfile: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clients: Option<StoredClients>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredClients {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cafile: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crlfile: Option<String>,
    required: bool,
    identity_as_username: bool,
}

impl From<&Tls> for StoredTls {
    fn from(tls: &Tls) -> Self {
        let (certfile, keyfile) = match tls.certificate.clone() {
            Certificate::Device => (None, None),
            Certificate::Own { certfile, keyfile } => (Some(certfile), Some(keyfile)),
        };
        let clients = tls.clients.clone().map(|clients| StoredClients {
            cafile: clients.cafile,
            crlfile: clients.crlfile,
            required: clients.required,
            identity_as_username: clients.identity_as_username,
        });
        Self {
            minimum: tls.minimum.name().to_owned(),
            certfile,
            keyfile,
            clients,
        }
    }
}

impl StoredTls {
    pub fn checked(self) -> Result<Tls, DesiredError> {
        let certificate = match (self.certfile, self.keyfile) {
            (None, None) => Certificate::Device,
            (Some(certfile), Some(keyfile)) => Certificate::Own { certfile, keyfile },
            _ => return Err(DesiredError::Field("certfile")),
        };
        let clients = self.clients.map(|clients| ClientCertificates {
            cafile: clients.cafile,
            crlfile: clients.crlfile,
            required: clients.required,
            identity_as_username: clients.identity_as_username,
        });
        Ok(Tls {
            certificate,
            clients,
            minimum: TlsVersion::named(&self.minimum).ok_or(DesiredError::Field("minimum"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_kept_and_half_a_certificate_is_refused() {
        let text = r#"{"minimum":"tlsv1.3","certfile":"a.pem","keyfile":"a.key","clients":{"cafile":"ca.pem","crlfile":"crl.pem","required":true,"identity_as_username":true}}"#;
        let read = |text: &str| {
            let stored: StoredTls = serde_json::from_str(text).unwrap();
            stored.checked().map_err(|error| error.to_string())
        };
        let tls = read(text).unwrap();
        assert!(tls.identifies());
        assert_eq!(serde_json::to_string(&StoredTls::from(&tls)).unwrap(), text);
        let half = read(&text.replacen(r#""keyfile":"a.key","#, "", 1));
        assert!(half.unwrap_err().contains("certfile"));
        let device = r#"{"minimum":"tlsv1.2"}"#;
        assert_eq!(read(device).unwrap(), Tls::default());
    }
}
