// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The table `[ethernet]`.

use std::net::IpAddr;

use toml::de::DeTable;

use super::{Field, Fields, Resolver};
use crate::fault::{Fault, MachineFault};
use crate::reference::{ADDRESS, DNS, GATEWAY, METHOD, Table};
use crate::{Ethernet, StaticAddress};

impl Resolver<'_> {
    pub(super) fn ethernet(&mut self, root: &DeTable<'_>) -> Option<Ethernet> {
        let fields = self.single(root, Table::Ethernet)?;
        let mut details = [&ADDRESS, &GATEWAY, &DNS].into_iter();
        let detail = details.find_map(|key| fields.field(key));
        let Some(method) = fields.field(&METHOD) else {
            if detail.is_none() {
                self.machine_gap(fields.at, &METHOD, MachineFault::EthernetEmpty);
                return None;
            }
            return self.static_address(&fields);
        };
        match (self.text(&method)?, detail) {
            ("auto", None) => Some(Ethernet::Auto),
            ("auto", Some(detail)) => {
                let fault = Fault::Machine(MachineFault::AutoAndAddress);
                self.fault(detail.at, Some(detail.key.name), fault);
                None
            }
            ("static", _) => self.static_address(&fields),
            _ => self.required(None, &method, Fault::Machine(MachineFault::Method)),
        }
    }

    fn static_address(&mut self, fields: &Fields<'_, '_>) -> Option<Ethernet> {
        let own = match fields.field(&ADDRESS) {
            Some(field) => self.own_address(&field),
            None => {
                self.machine_gap(fields.at, &ADDRESS, MachineFault::AddressMissing);
                None
            }
        };
        let gateway = fields.field(&GATEWAY);
        let gateway = gateway.map(|field| self.gateway(&field, own.as_ref()));
        let dns = self.dns(fields);
        Some(Ethernet::Static(StaticAddress {
            gateway: gateway.flatten(),
            dns,
            ..own?
        }))
    }

    fn own_address(&mut self, field: &Field<'_, '_>) -> Option<StaticAddress> {
        let fault = match own_address(self.text(field)?) {
            Ok(own) => return Some(own),
            Err(fault) => fault,
        };
        self.machine_fault(field, fault);
        None
    }

    fn gateway(&mut self, field: &Field<'_, '_>, own: Option<&StaticAddress>) -> Option<IpAddr> {
        let gateway: Option<IpAddr> = self.text(field)?.parse().ok();
        let gateway = self.required(gateway, field, Fault::Machine(MachineFault::Gateway))?;
        let is_local = matches!(gateway, IpAddr::V6(address) if address.is_unicast_link_local());
        let fault = match own {
            Some(own) if own.address == gateway => MachineFault::GatewayItself,
            Some(own) if own.address.is_ipv6() && is_local => return Some(gateway),
            Some(own) if !own.reaches(gateway) => MachineFault::GatewayOutside,
            _ => return Some(gateway),
        };
        self.machine_fault(field, fault);
        None
    }

    fn dns(&mut self, fields: &Fields<'_, '_>) -> Vec<IpAddr> {
        let too_many = Fault::Machine(MachineFault::TooManyDns);
        let elements = self.elements(fields, &DNS, MAX_DNS, too_many);
        let mut servers = Vec::new();
        for field in elements.unwrap_or_default() {
            let server = self.text(&field).map(|text| text.parse::<IpAddr>().ok());
            let fault = Fault::Machine(MachineFault::Dns);
            servers.extend(server.and_then(|server| self.required(server, &field, fault)));
        }
        servers
    }
}

/// An address with the length of its network behind a slash.
fn own_address(text: &str) -> Result<StaticAddress, MachineFault> {
    let Some((address, prefix)) = text.split_once('/') else {
        let bare = text.parse::<IpAddr>().is_ok();
        return Err(match bare {
            true => MachineFault::PrefixMissing,
            false => MachineFault::OwnAddress,
        });
    };
    let address: IpAddr = address.parse().map_err(|_| MachineFault::OwnAddress)?;
    if prefix.contains('.') {
        return Err(MachineFault::Netmask);
    }
    let longest = if address.is_ipv4() { 31 } else { 127 };
    let own = StaticAddress {
        address,
        prefix: prefix.parse().map_err(|_| MachineFault::Prefix)?,
        gateway: None,
        dns: Vec::new(),
    };
    let nobody = address.is_unspecified() || address.is_loopback() || address.is_multicast();
    match own.prefix {
        prefix if prefix == 0 || prefix > longest => Err(MachineFault::Prefix),
        _ if nobody || own.is_no_host() => Err(MachineFault::NoHost),
        _ => Ok(own),
    }
}

/// Servers of names in a file.
const MAX_DNS: usize = 8;
