// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The table `[wlan]`.

use toml::de::DeTable;

use super::{Field, Fields, Resolver, Written, is_example};
use crate::fault::{Fault, MachineFault};
use crate::reference::{COUNTRY, HIDDEN, PSK, SSID, Table, WLAN_PASSWORD};
use crate::{Country, Ssid, Wlan, WlanKey};

impl Resolver<'_> {
    pub(super) fn wlan(&mut self, root: &DeTable<'_>) -> Option<Wlan> {
        let fields = self.single(root, Table::Wlan)?;
        let ssid = self.ssid(&fields);
        let country = self.country(&fields);
        let key = self.wlan_key(&fields);
        let hidden = fields.field(&HIDDEN).and_then(|field| self.boolean(&field));
        Some(Wlan {
            ssid: ssid?,
            hidden: hidden.unwrap_or(false),
            country: country?,
            key: key?,
        })
    }

    fn ssid(&mut self, fields: &Fields<'_, '_>) -> Option<Ssid> {
        let Some(field) = fields.field(&SSID) else {
            self.machine_gap(fields.at, &SSID, MachineFault::SsidMissing);
            return None;
        };
        let ssid = Ssid::parse(self.text(&field)?);
        self.required(ssid, &field, Fault::Machine(MachineFault::Ssid))
    }

    fn country(&mut self, fields: &Fields<'_, '_>) -> Option<Country> {
        let Some(field) = fields.field(&COUNTRY) else {
            self.machine_gap(fields.at, &COUNTRY, MachineFault::CountryMissing);
            return None;
        };
        let text = self.text(&field)?;
        let fault = match text.to_ascii_uppercase().as_str() {
            "UK" => MachineFault::UnitedKingdom,
            capitals if Country::parse(capitals).is_some() => MachineFault::CountryCase,
            _ => MachineFault::Country,
        };
        self.required(Country::parse(text), &field, Fault::Machine(fault))
    }

    fn wlan_key(&mut self, fields: &Fields<'_, '_>) -> Option<WlanKey> {
        let psk = fields.field(&PSK);
        match (fields.field(&WLAN_PASSWORD), psk) {
            (None, None) => Some(WlanKey::Open),
            (Some(password), None) => self.wlan_password(&password),
            (None, Some(psk)) => self.psk(&psk),
            (Some(password), Some(psk)) => {
                self.machine_fault(&psk, MachineFault::PasswordAndPsk);
                self.wlan_password(&password);
                self.psk(&psk);
                None
            }
        }
    }

    fn wlan_password(&mut self, field: &Field<'_, '_>) -> Option<WlanKey> {
        let text = match self.secret(field)? {
            Written::Taken => return Some(self.kept(field)),
            Written::Text(text) => text,
        };
        let fault = match text {
            "" => Fault::Machine(MachineFault::WlanPasswordEmpty),
            _ if is_example(&WLAN_PASSWORD, text) => Fault::PasswordKnown,
            _ if WlanKey::psk(text).is_some() => Fault::Machine(MachineFault::PasswordIsPsk),
            _ => Fault::Machine(MachineFault::WlanPassword),
        };
        let key = WlanKey::password(text).filter(|_| fault != Fault::PasswordKnown);
        self.required(key, field, fault)
    }

    fn psk(&mut self, field: &Field<'_, '_>) -> Option<WlanKey> {
        let text = match self.secret(field)? {
            Written::Taken => return Some(self.kept(field)),
            Written::Text(text) => text,
        };
        if is_example(&PSK, text) {
            return self.required(None, field, Fault::PasswordKnown);
        }
        let key = WlanKey::psk(text);
        self.required(key, field, Fault::Machine(MachineFault::Psk))
    }

    fn kept(&self, field: &Field<'_, '_>) -> WlanKey {
        let line = self.lines.line(field.at);
        WlanKey::Kept { line }
    }
}
