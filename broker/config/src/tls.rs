// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a listener says about TLS: whose certificate it shows, and what it wants of its clients.

/// TLS on one listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Default: the device's own.
    pub certificate: Certificate,
    /// Default: no certificate is asked of clients.
    pub clients: Option<ClientCertificates>,
    /// The oldest version that is spoken.
    pub minimum: TlsVersion,
}

/// What the broker shows to its clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    /// The one the provisioner makes, `tls/server.pem` beside the daemon's `broker.toml`.
    #[default]
    Device,
    /// PEM files: absolute, or relative to the folder of the daemon's `broker.toml`.
    Own { certfile: String, keyfile: String },
}

/// What is asked of a client's certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientCertificates {
    /// PEM file of the authorities that sign them; default: the device's own, `tls/ca.crt`.
    pub cafile: Option<String>,
    /// Whether a client without one is refused.
    pub required: bool,
    /// PEM file of revoked ones; default: none, for the device's own authority `tls/crl.pem` if it is there.
    pub crlfile: Option<String>,
    /// Whether its common name is the user name, and no password is asked; only where it is required.
    pub identity_as_username: bool,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    #[default]
    V12,
    V13,
}

impl Tls {
    /// Whether clients log in by their certificate's name.
    pub fn identifies(&self) -> bool {
        let clients = self.clients.as_ref();
        clients.is_some_and(|clients| clients.identity_as_username)
    }
}

impl TlsVersion {
    /// As written in `broker.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::V12 => "tlsv1.2",
            Self::V13 => "tlsv1.3",
        }
    }

    /// The version of that name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = [Self::V12, Self::V13].into_iter();
        all.find(|version| version.name() == name)
    }
}
