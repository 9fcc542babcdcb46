// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The rows of the table of `[[listener]]` that are about TLS.

use super::{Form, Key, Table};

pub(crate) const TLS: Key = Key {
    table: Table::Listener,
    name: "tls",
    form: Form::Boolean,
    default: "false",
    sentence: "Whether everything is encrypted there, with a certificate from the device's own CA unless certfile and \
               keyfile are named. Usual ports are 8883, and 8884 for \"websockets\".",
    example: "true",
};

pub(crate) const CERTFILE: Key = Key {
    table: Table::Listener,
    name: "certfile",
    form: Form::Text,
    default: "the device's own certificate",
    sentence: "A certificate of your own with its chain, a PEM file with the server's certificate first. File names \
               are absolute, or below the folder of this file.",
    example: "\"/etc/broker/own/fullchain.pem\"",
};

pub(crate) const KEYFILE: Key = Key {
    table: Table::Listener,
    name: "keyfile",
    form: Form::Text,
    default: "the device's own key",
    sentence: "The private key of certfile, a PEM file without a passphrase that the group broker may read.",
    example: "\"/etc/broker/own/privkey.pem\"",
};

pub(crate) const CAFILE: Key = Key {
    table: Table::Listener,
    name: "cafile",
    form: Form::Text,
    default: "the device's own CA where one of the next three keys needs it",
    sentence: "Who signs the certificates of clients, a PEM file: a client that shows one of another CA is refused.",
    example: "\"/etc/broker/own/clients-ca.pem\"",
};

pub(crate) const REQUIRE_CERTIFICATE: Key = Key {
    table: Table::Listener,
    name: "require_certificate",
    form: Form::Boolean,
    default: "false",
    sentence: "Whether a client without a certificate is refused.",
    example: "true",
};

pub(crate) const USE_IDENTITY_AS_USERNAME: Key = Key {
    table: Table::Listener,
    name: "use_identity_as_username",
    form: Form::Boolean,
    default: "false",
    sentence: "Whether the common name (CN) of a client's certificate is its user name and no password is asked; \
               needs require_certificate = true and a [[user]] of that name.",
    example: "true",
};

pub(crate) const CRLFILE: Key = Key {
    table: Table::Listener,
    name: "crlfile",
    form: Form::Text,
    default: "none, and the device's own list for its own CA",
    sentence: "Certificates of clients that are no longer good, a PEM file with a list (CRL) of every CA in cafile.",
    example: "\"/etc/broker/own/clients-crl.pem\"",
};

pub(crate) const TLS_VERSION: Key = Key {
    table: Table::Listener,
    name: "tls_version",
    form: Form::Word(&["tlsv1.2", "tlsv1.3"]),
    default: "\"tlsv1.2\"",
    sentence: "The oldest version of TLS that is spoken there.",
    example: "\"tlsv1.3\"",
};
