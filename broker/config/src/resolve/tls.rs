// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The keys of a `[[listener]]` that are about TLS: each of them needs `tls = true`.

use super::{Fields, Resolver};
use crate::fault::{Fault, TlsFault};
use crate::reference::{
    CAFILE, CERTFILE, CRLFILE, KEYFILE, Key, REQUIRE_CERTIFICATE, SOCKET, TLS, TLS_VERSION,
    USE_IDENTITY_AS_USERNAME,
};
use crate::{Certificate, ClientCertificates, LoginMethod, Settings, Tls, TlsVersion};

impl Resolver<'_> {
    /// None where something is wrong; none inside where TLS is off.
    pub(super) fn tls(&mut self, fields: &Fields<'_, '_>) -> Option<Option<Tls>> {
        let on = self.switch(fields, &TLS)?;
        let needy = NEED_TLS.iter().filter_map(|key| fields.field(key)).next();
        if let Some(field) = needy.filter(|_| !on) {
            self.fault(field.at, Some(field.key.name), Fault::Tls(TlsFault::Off));
            return None;
        }
        if !on {
            return Some(None);
        }
        if let (Some(field), Some(_)) = (fields.field(&TLS), fields.field(&SOCKET)) {
            self.fault(field.at, Some(TLS.name), Fault::Tls(TlsFault::OnSocket));
            return None;
        }
        let certificate = self.certificate(fields);
        let clients = self.client_certificates(fields);
        let minimum = self.tls_version(fields);
        Some(Some(Tls {
            certificate: certificate?,
            clients: clients?,
            minimum: minimum?,
        }))
    }

    /// A user who logs in by certificate only needs a listener that takes its name from there.
    pub(super) fn certificate_users(&mut self, settings: &Settings) {
        let mut listeners = settings.broker.listeners.iter();
        let identified =
            listeners.any(|listener| listener.tls.as_ref().is_some_and(Tls::identifies));
        let locked_out = settings
            .broker
            .users
            .iter()
            .find(|user| user.method == LoginMethod::Certificate && !identified);
        // What stands in a faulty line could be that listener.
        if let Some(user) = locked_out.filter(|_| self.findings.is_empty()) {
            let at = self.lines.start(user.line);
            self.fault_of_readable(at, None, Fault::Tls(TlsFault::NoListener));
        }
    }

    fn certificate(&mut self, fields: &Fields<'_, '_>) -> Option<Certificate> {
        let certfile = self.file(fields, &CERTFILE);
        let keyfile = self.file(fields, &KEYFILE);
        match (fields.field(&CERTFILE), fields.field(&KEYFILE)) {
            (Some(alone), None) | (None, Some(alone)) => {
                self.fault(alone.at, Some(alone.key.name), Fault::Tls(TlsFault::Half));
                None
            }
            _ => Some(match (certfile?, keyfile?) {
                (Some(certfile), Some(keyfile)) => Certificate::Own { certfile, keyfile },
                _ => Certificate::Device,
            }),
        }
    }

    fn client_certificates(
        &mut self,
        fields: &Fields<'_, '_>,
    ) -> Option<Option<ClientCertificates>> {
        let cafile = self.file(fields, &CAFILE);
        let crlfile = self.file(fields, &CRLFILE);
        let required = self.switch(fields, &REQUIRE_CERTIFICATE);
        let identity_as_username = self.switch(fields, &USE_IDENTITY_AS_USERNAME);
        if let (Some(false), Some(true)) = (required, identity_as_username) {
            if let Some(field) = fields.field(&USE_IDENTITY_AS_USERNAME) {
                self.fault(
                    field.at,
                    Some(field.key.name),
                    Fault::Tls(TlsFault::NotRequired),
                );
            }
            return None;
        }
        let clients = ClientCertificates {
            cafile: cafile?,
            required: required?,
            crlfile: crlfile?,
            identity_as_username: identity_as_username?,
        };
        Some((clients != ClientCertificates::default()).then_some(clients))
    }

    fn tls_version(&mut self, fields: &Fields<'_, '_>) -> Option<TlsVersion> {
        let Some(field) = fields.field(&TLS_VERSION) else {
            return Some(TlsVersion::default());
        };
        let version = TlsVersion::named(self.text(&field)?);
        self.required(version, &field, Fault::Tls(TlsFault::Version))
    }

    fn switch(&mut self, fields: &Fields<'_, '_>, key: &'static Key) -> Option<bool> {
        match fields.field(key) {
            Some(field) => self.boolean(&field),
            None => Some(false),
        }
    }

    /// The name of a file, or none where it is absent.
    pub(super) fn file(
        &mut self,
        fields: &Fields<'_, '_>,
        key: &'static Key,
    ) -> Option<Option<String>> {
        self.checked_text(fields, key, is_file_name, Fault::Tls(TlsFault::FileName))
    }
}

/// Whether a file can have this name.
fn is_file_name(text: &str) -> bool {
    (1..=MAX_FILE_NAME).contains(&text.len())
        && !text.ends_with('/')
        && !text.contains(char::is_control)
}

const NEED_TLS: [&Key; 7] = [
    &CERTFILE,
    &KEYFILE,
    &CAFILE,
    &REQUIRE_CERTIFICATE,
    &USE_IDENTITY_AS_USERNAME,
    &CRLFILE,
    &TLS_VERSION,
];

/// Bytes in the name of a file.
const MAX_FILE_NAME: usize = 1024;
