// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A configuration without its secrets: `password = 0`, the sign of a password that is kept elsewhere, stands in their place.

use broker_config::{Credential, Settings, WlanKey, masked, read};

/// The same file without passwords, hashes and keys; `None` if it has faults, or if they could not all be taken out.
pub fn without_secrets(bytes: &[u8]) -> Option<Vec<u8>> {
    let reading = read(bytes);
    let settings = reading.verdict.ok()?;
    let mut text = String::from_utf8(masked(bytes, &reading.secrets)).ok()?;
    for user in &settings.broker.users {
        if let Credential::Hash(hash) = &user.credential {
            text = without_hash(&text, hash.as_str())?;
        }
    }
    let left = read(text.as_bytes());
    let is_clean = left.secrets.is_empty() && left.verdict.is_ok_and(|left| !holds_secret(&left));
    is_clean.then_some(text.into_bytes())
}

/// Whether a file that belongs to a configuration is a secret: a private key, or passwords by user.
pub fn is_secret(bytes: &[u8]) -> bool {
    let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    holds(b"PRIVATE KEY") || holds(b":$")
}

/// Replaces the first `password_hash = "HASH"`.
fn without_hash(text: &str, hash: &str) -> Option<String> {
    let at = text.find(hash)?;
    let before = text.get(..at)?;
    let quote = before
        .chars()
        .next_back()
        .filter(|one| "\"'".contains(*one))?;
    let key = before.rfind(KEY)?;
    let between = before.get(key + KEY.len()..)?;
    let is_key = between.trim_end_matches(quote).trim() == "=";
    let after = text.get(at + hash.len()..)?.strip_prefix(quote)?;
    is_key.then(|| format!("{}password = 0{after}", text.get(..key).unwrap_or_default()))
}

fn holds_secret(settings: &Settings) -> bool {
    let users = &settings.broker.users;
    let shown = |one: &Credential| matches!(one, Credential::Plain(_) | Credential::Hash(_));
    let wlan = settings.machine.wlan.as_ref().map(|wlan| &wlan.key);
    users.iter().any(|user| shown(&user.credential))
        || matches!(wlan, Some(WlanKey::Password(_) | WlanKey::Psk(_)))
}

const KEY: &str = "password_hash";

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$q9xcMDsPJjl8D1J9ukx8QA$CwVEocm5yjjbcKCAP3a1OQ4VlcXrlPvhnDsae6p0+U0";

    #[test]
    fn passwords_hashes_and_keys_become_the_sign_that_they_are_kept() {
        let cases = [
            format!("version = 1\n[[user]]\nusername = \"a\"\npassword_hash = \"{HASH}\" # mine\n"),
            format!("version = 1\nuser = [{{ username = \"a\", password_hash = '{HASH}' }}]\n"),
            "version = 1\n[[user]]\nusername = \"a\"\npassword = \"hunter2\"\n".to_owned(),
            "version = 1\n[wlan]\nssid = \"x\"\ncountry = \"JP\"\npassword = \"hunter2-long\"\n"
                .to_owned(),
        ];
        for text in cases {
            let redacted = without_secrets(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
            let redacted = String::from_utf8(redacted).unwrap();
            assert!(redacted.contains("password = 0"), "{redacted}");
            assert!(
                !redacted.contains("hunter2") && !redacted.contains("argon2"),
                "{redacted}"
            );
        }
    }

    #[test]
    fn what_cannot_be_freed_of_them_is_not_taken() {
        let escaped = HASH.replacen('$', "\\u0024", 1);
        let cases = [
            format!("version = 1\n[[user]]\nusername = \"a\"\npassword_hash = \"{escaped}\"\n"),
            "version = 1\nuser = 3\n".to_owned(),
        ];
        for text in cases {
            assert!(without_secrets(text.as_bytes()).is_none(), "{text}");
        }
    }
}
