// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The `[[user]]` tables: who may log in, and with what.

use std::collections::HashMap;

use toml::de::DeTable;

use super::access::Elsewhere;
use super::{Field, Fields, Resolver, Written, is_example};
use crate::fault::{Fault, TlsFault};
use crate::password::MAX_PASSWORD;
use crate::reference::{AUTH, PASSWORD, PASSWORD_HASH, Table, USERNAME};
use crate::scram::prepared;
use crate::settings::MAX_USERNAME;
use crate::{Credential, LoginMethod, PasswordHash, Secret, User};

impl Resolver<'_> {
    pub(super) fn users(&mut self, root: &DeTable<'_>) -> Vec<User> {
        let tables = self.repeated(root, Table::User);
        let elsewhere = Elsewhere::of(root);
        let mut first_lines = HashMap::new();
        let mut users = Vec::new();
        for (index, fields) in tables.iter().enumerate() {
            if index == MAX_USERS {
                self.fault(fields.at, Some(Table::User.name()), Fault::TooManyUsers);
            }
            let line = self.lines.line(fields.at);
            let username = self.username(fields, line, &mut first_lines);
            let method = self.method(fields);
            let access = self.user_access(fields, &elsewhere);
            let credential = match method {
                LoginMethod::Certificate => self.no_credential(fields),
                _ => self.credential(fields),
            };
            if let (Some(username), Some(credential)) = (username, credential) {
                self.fits(fields, method, &username, &credential);
                users.push(User {
                    username,
                    method,
                    credential,
                    access,
                    line,
                });
            }
        }
        users
    }

    fn username<'d>(
        &mut self,
        fields: &Fields<'d, '_>,
        line: u32,
        first_lines: &mut HashMap<&'d str, u32>,
    ) -> Option<String> {
        let Some(field) = fields.field(&USERNAME) else {
            self.fault_of_readable(fields.at, Some(Table::User.name()), Fault::UsernameMissing);
            return None;
        };
        let name = self.text(&field)?;
        let fault = if !(1..=MAX_USERNAME).contains(&name.len()) {
            Some(Fault::UsernameLength)
        } else if !User::may_be_called(name) {
            Some(Fault::UsernameCharacter)
        } else {
            let first_line = *first_lines.entry(name).or_insert(line);
            (first_line != line).then_some(Fault::UserTwice { first_line })
        };
        let accepted = fault.is_none().then(|| name.to_owned());
        match fault {
            Some(fault) => self.required(accepted, &field, fault),
            None => accepted,
        }
    }

    fn method(&mut self, fields: &Fields<'_, '_>) -> LoginMethod {
        let Some(field) = fields.field(&AUTH) else {
            return LoginMethod::Password;
        };
        let method = self.text(&field).map(LoginMethod::named);
        let method = method.and_then(|method| self.required(method, &field, Fault::Auth));
        method.unwrap_or(LoginMethod::Password)
    }

    /// Checks that name and credential can serve the method.
    fn fits(
        &mut self,
        fields: &Fields<'_, '_>,
        method: LoginMethod,
        username: &str,
        credential: &Credential,
    ) {
        let hash = match credential {
            Credential::Hash(hash) => Some(hash.method()),
            _ => None,
        };
        let unprepared = |text: &str| prepared(text).is_none_or(|prepared| prepared != text);
        let (key, fault) = match (method, credential, hash) {
            (LoginMethod::Password, _, Some(LoginMethod::Scram)) => {
                (&PASSWORD_HASH, Fault::ScramHash)
            }
            (LoginMethod::Scram, _, Some(LoginMethod::Password)) => {
                (&PASSWORD_HASH, Fault::NoScramHash)
            }
            (LoginMethod::Scram, _, _) if unprepared(username) => (&USERNAME, Fault::ScramUsername),
            (LoginMethod::Scram, Credential::Plain(secret), _)
                if prepared(secret.expose()).is_none() =>
            {
                (&PASSWORD, Fault::ScramPassword)
            }
            _ => return,
        };
        if let Some(field) = fields.field(key) {
            self.fault(field.value.span().start, Some(key.name), fault);
        }
    }

    fn credential(&mut self, fields: &Fields<'_, '_>) -> Option<Credential> {
        let hash = fields.field(&PASSWORD_HASH);
        match (fields.field(&PASSWORD), hash) {
            (None, None) => {
                let name = fields.field(&USERNAME);
                let at = name.map_or(fields.at, |field| field.at);
                self.fault_of_readable(at, Some(Table::User.name()), Fault::PasswordMissing);
                None
            }
            (Some(password), None) => self.password(&password),
            (None, Some(hash)) => self.password_hash(&hash),
            (Some(password), Some(hash)) => {
                self.fault(hash.at, Some(PASSWORD_HASH.name), Fault::PasswordAndHash);
                self.password(&password);
                self.password_hash(&hash);
                None
            }
        }
    }

    /// Of a user who logs in by certificate.
    fn no_credential(&mut self, fields: &Fields<'_, '_>) -> Option<Credential> {
        let mut keys = [&PASSWORD, &PASSWORD_HASH].into_iter();
        let Some(field) = keys.find_map(|key| fields.field(key)) else {
            return Some(Credential::Certificate);
        };
        // A password that is not to be there is a secret, too.
        self.credential(fields);
        self.fault(
            field.at,
            Some(field.key.name),
            Fault::Tls(TlsFault::Password),
        );
        None
    }

    fn password(&mut self, field: &Field<'_, '_>) -> Option<Credential> {
        let password = match self.secret(field)? {
            Written::Taken => return Some(Credential::Kept),
            Written::Text(password) => password,
        };
        let fault = match password.len() {
            0 => Fault::PasswordEmpty,
            _ if is_example(&PASSWORD, password) => Fault::PasswordKnown,
            1..=MAX_PASSWORD => return Some(Credential::Plain(Secret::new(password.to_owned()))),
            _ => Fault::PasswordLength,
        };
        self.required(None, field, fault)
    }

    fn password_hash(&mut self, field: &Field<'_, '_>) -> Option<Credential> {
        let hash = self.text(field)?;
        if is_example(&PASSWORD_HASH, hash) {
            return self.required(None, field, Fault::PasswordKnown);
        }
        match PasswordHash::parse(hash) {
            Ok(hash) => Some(Credential::Hash(hash)),
            Err(fault) => self.required(None, field, Fault::PasswordHash(fault)),
        }
    }
}

/// Users in a file.
const MAX_USERS: usize = 1000;
