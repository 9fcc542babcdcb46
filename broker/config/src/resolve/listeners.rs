// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The `[[listener]]` tables: which sockets will open.

use toml::de::DeTable;

use super::{Fields, Resolver};
use crate::fault::{AddressFault, Fault};
use crate::hostname::is_domain_name;
use crate::listener::{DEFAULT_PORT, PROTOCOL_VERSIONS};
use crate::reference::{
    ACCEPT_PROTOCOL_VERSIONS, BIND_ADDRESS, INTERFACE, Key, LISTENER_ALLOW_ANONYMOUS,
    LISTENER_MAX_CONNECTIONS, PORT, PROTOCOL, SOCKET, SOCKET_DOMAIN, Table,
};
use crate::{BindAddress, Listener, Protocol, SocketDomain};

impl Resolver<'_> {
    pub(super) fn listeners(&mut self, root: &DeTable<'_>) -> Vec<Listener> {
        let tables = self.repeated(root, Table::Listener);
        if tables.is_empty() {
            return vec![Listener::default()];
        }
        if let Some(surplus) = tables.get(MAX_LISTENERS) {
            self.fault(
                surplus.at,
                Some(Table::Listener.name()),
                Fault::TooManyListeners,
            );
        }
        let mut accepted: Vec<(u32, Listener)> = Vec::new();
        for fields in tables.iter().take(MAX_LISTENERS) {
            let Some(listener) = self.listener(fields) else {
                continue;
            };
            let line = self.lines.line(fields.at);
            match accepted.iter().find(|(_, other)| other.overlaps(&listener)) {
                Some(&(first_line, _)) => {
                    let field = fields.field(&PORT).or_else(|| fields.field(&BIND_ADDRESS));
                    let at = field.map_or(fields.at, |field| field.at);
                    self.fault_of_readable(
                        at,
                        Some(Table::Listener.name()),
                        Fault::Overlap { first_line },
                    );
                }
                None => accepted.push((line, listener)),
            }
        }
        accepted.into_iter().map(|(_, listener)| listener).collect()
    }

    /// The listener, if all of its keys are right.
    fn listener(&mut self, fields: &Fields<'_, '_>) -> Option<Listener> {
        let port = self.port(fields);
        let bind_address = self.bind_address(fields);
        let socket_domain = self.socket_domain(fields, bind_address.as_ref());
        let interface = self.checked_text(fields, &INTERFACE, is_interface_name, Fault::Interface);
        let socket = self.checked_text(fields, &SOCKET, is_socket_path, Fault::SocketPath);
        let protocol = self.protocol(fields);
        let max_connections = fields
            .field(&LISTENER_MAX_CONNECTIONS)
            .and_then(|field| u32::try_from(self.integer(&field)?).ok());
        let allow_anonymous = fields
            .field(&LISTENER_ALLOW_ANONYMOUS)
            .and_then(|field| self.boolean(&field));
        let accept_protocol_versions = self.protocol_versions(fields);
        let tls = self.tls(fields);
        if let Some(socket) = fields.field(&SOCKET) {
            let others = [&PORT, &BIND_ADDRESS, &SOCKET_DOMAIN, &INTERFACE];
            if others.iter().any(|key| fields.field(key).is_some()) {
                self.fault(socket.at, Some(SOCKET.name), Fault::SocketAndAddress);
            }
        }
        Some(Listener {
            port: if fields.field(&SOCKET).is_some() {
                0
            } else {
                port?
            },
            bind_address: bind_address?,
            socket_domain: socket_domain?,
            interface: interface?,
            socket: socket?,
            protocol: protocol?,
            max_connections,
            allow_anonymous,
            accept_protocol_versions: accept_protocol_versions?,
            tls: tls?,
        })
    }

    fn port(&mut self, fields: &Fields<'_, '_>) -> Option<u16> {
        let Some(field) = fields.field(&PORT) else {
            return Some(DEFAULT_PORT);
        };
        u16::try_from(self.integer(&field)?).ok()
    }

    fn bind_address(&mut self, fields: &Fields<'_, '_>) -> Option<BindAddress> {
        let Some(field) = fields.field(&BIND_ADDRESS) else {
            return Some(BindAddress::Any);
        };
        match parse_address(self.text(&field)?) {
            Ok(address) => Some(address),
            Err(fault) => self.required(None, &field, Fault::Address(fault)),
        }
    }

    fn socket_domain(
        &mut self,
        fields: &Fields<'_, '_>,
        address: Option<&BindAddress>,
    ) -> Option<SocketDomain> {
        let Some(field) = fields.field(&SOCKET_DOMAIN) else {
            return Some(SocketDomain::Both);
        };
        let named = SocketDomain::named(self.text(&field)?);
        let domain = self.required(named, &field, Fault::SocketDomain)?;
        let fits = match address {
            Some(BindAddress::Ip(address)) => domain.includes(*address),
            _ => true,
        };
        self.required(fits.then_some(domain), &field, Fault::OtherDomain)
    }

    /// A text that must be right, or none where it is absent.
    pub(super) fn checked_text(
        &mut self,
        fields: &Fields<'_, '_>,
        key: &'static Key,
        is_right: fn(&str) -> bool,
        fault: Fault,
    ) -> Option<Option<String>> {
        let Some(field) = fields.field(key) else {
            return Some(None);
        };
        let text = self.text(&field)?;
        let right = is_right(text).then(|| Some(text.to_owned()));
        self.required(right, &field, fault)
    }

    fn protocol(&mut self, fields: &Fields<'_, '_>) -> Option<Protocol> {
        let Some(field) = fields.field(&PROTOCOL) else {
            return Some(Protocol::Mqtt);
        };
        let protocol = Protocol::named(self.text(&field)?);
        self.required(protocol, &field, Fault::Protocol)
    }

    fn protocol_versions(&mut self, fields: &Fields<'_, '_>) -> Option<Vec<u8>> {
        let Some(field) = fields.field(&ACCEPT_PROTOCOL_VERSIONS) else {
            return Some(PROTOCOL_VERSIONS.to_vec());
        };
        let written = self.integers(&field)?;
        let mut versions = PROTOCOL_VERSIONS.to_vec();
        versions.retain(|version| written.contains(&i64::from(*version)));
        let any = (!versions.is_empty()).then_some(versions);
        self.required(any, &field, Fault::NoProtocolVersion)
    }
}

fn parse_address(text: &str) -> Result<BindAddress, AddressFault> {
    match text.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V6(all)) if all.is_unspecified() => return Ok(BindAddress::Any),
        Ok(address) => return Ok(BindAddress::Ip(address)),
        Err(_) => {}
    }
    if text.is_empty() {
        Err(AddressFault::Empty)
    } else if text == "*" {
        Err(AddressFault::Wildcard)
    } else if text.contains("://") {
        Err(AddressFault::Url)
    } else if text.parse::<std::net::SocketAddr>().is_ok() || is_name_with_port(text) {
        Err(AddressFault::WithPort)
    } else if is_interface(text) {
        Err(AddressFault::Interface)
    } else if is_domain_name(text) {
        Ok(BindAddress::Host(text.to_owned()))
    } else {
        Err(AddressFault::Nonsense)
    }
}

fn is_name_with_port(text: &str) -> bool {
    text.split_once(':')
        .is_some_and(|(name, port)| is_domain_name(name) && port.parse::<u16>().is_ok())
}

/// Whether a network interface can have this name.
fn is_interface_name(text: &str) -> bool {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    (1..=15).contains(&text.len()) && text.bytes().all(usual) && text != "." && text != ".."
}

/// Whether a Unix socket can be made at this path.
fn is_socket_path(text: &str) -> bool {
    text.starts_with('/')
        && !text.ends_with('/')
        && text.len() <= MAX_SOCKET_PATH
        && !text.contains(char::is_control)
}

/// Whether the text is a name the Linux kernel gives to network interfaces, such as `eth0`.
fn is_interface(text: &str) -> bool {
    let number = text.trim_start_matches(|character: char| character.is_ascii_lowercase());
    let kind = text.strip_suffix(number).unwrap_or_default();
    INTERFACES.contains(&kind)
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

const INTERFACES: [&str; 6] = ["eth", "wlan", "usb", "end", "br", "wg"];

/// Bytes that the kernel takes, less the one that ends them.
const MAX_SOCKET_PATH: usize = 107;

/// Listeners in a file.
const MAX_LISTENERS: usize = 64;
