// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The dialogue of SCRAM-SHA-256 from the server's side, without channel binding. [RFC 5802, RFC 7677]
//!
//! ```text
//!  client: n,,n=user,r=cnonce
//!  server: r=cnonce+snonce,s=salt,i=iterations
//!  client: c=biws,r=cnonce+snonce,p=proof
//!  server: v=signature
//! ```

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use broker_config::{ScramVerifier, prepared};
use bytes::Bytes;
use bytestring::ByteString;
use mqtt_core::LoginFailure;

/// The client's first message.
pub struct ClientFirst<'a> {
    /// The name as SASLprep makes it.
    pub username: ByteString,
    /// What the client says of channel binding, which its last message repeats.
    header: &'a str,
    bare: &'a str,
    nonce: &'a str,
}

/// A login under way: what the client's last message is judged by. It has no `Debug`.
pub struct Exchange {
    pub username: ByteString,
    pub verifier: ScramVerifier,
    /// The failure that this login ends with whatever the client proves.
    pub lost: Option<LoginFailure>,
    header: String,
    nonce: String,
    /// Both first messages, joined as the signatures want them.
    messages: String,
}

impl<'a> ClientFirst<'a> {
    pub fn parse(data: &'a [u8]) -> Result<Self, LoginFailure> {
        let text = text(data)?;
        let (binding, rest) = text.split_once(',').ok_or(NO_SCRAM)?;
        match binding {
            // `y`: the client could bind the channel and believes that we cannot, which is so.
            "n" | "y" => {}
            _ if binding.starts_with("p=") => return Err(CHANNEL_BINDING),
            _ => return Err(NO_SCRAM),
        }
        let (identity, bare) = rest.split_once(',').ok_or(NO_SCRAM)?;
        let mut parts = bare.split(',');
        let mut part = |name| parts.next().and_then(|part| part.strip_prefix(name));
        let name = part("n=").ok_or(NO_SCRAM)?;
        let nonce = part("r=").filter(|nonce| is_nonce(nonce)).ok_or(NO_SCRAM)?;
        if !identity.is_empty() && identity.strip_prefix("a=") != Some(name) {
            return Err(OTHER_IDENTITY);
        }
        let name = unescaped(name).ok_or(NO_SCRAM)?;
        let username = prepared(&name).ok_or(NO_SCRAM)?;
        Ok(Self {
            username: ByteString::from(username.into_owned()),
            header: text.strip_suffix(bare).unwrap_or_default(),
            bare,
            nonce,
        })
    }
}

impl Exchange {
    /// Answers the first message; `fresh` is the server's part of the nonce.
    pub fn begin(
        first: &ClientFirst<'_>,
        verifier: ScramVerifier,
        lost: Option<LoginFailure>,
        fresh: &str,
    ) -> (Self, Bytes) {
        let nonce = first.nonce.to_owned() + fresh;
        let salt = STANDARD.encode(&verifier.salt);
        let server_first = format!("r={nonce},s={salt},i={}", verifier.iterations);
        let exchange = Self {
            username: first.username.clone(),
            verifier,
            lost,
            header: first.header.to_owned(),
            nonce,
            messages: format!("{},{server_first}", first.bare),
        };
        (exchange, server_first.into())
    }

    /// Judges the client's last message; the answer proves the server to the client.
    pub fn finish(&self, data: &[u8]) -> Result<Bytes, LoginFailure> {
        let (message, proof) = text(data)?.rsplit_once(",p=").ok_or(NO_SCRAM)?;
        let mut parts = message.split(',');
        let mut part = |name| parts.next().and_then(|part| part.strip_prefix(name));
        let (header, nonce) = (part("c=").ok_or(NO_SCRAM)?, part("r=").ok_or(NO_SCRAM)?);
        if header != STANDARD.encode(&self.header) || nonce != self.nonce {
            return Err(NO_ANSWER);
        }
        let proof = STANDARD.decode(proof).map_err(|_| NO_SCRAM)?;
        let messages = format!("{},{message}", self.messages);
        let signature = self.verifier.prove(messages.as_bytes(), &proof);
        match (self.lost, signature) {
            (Some(failure), _) => Err(failure),
            (None, None) => Err(LoginFailure::WrongPassword),
            (None, Some(signature)) => Ok(format!("v={}", STANDARD.encode(signature)).into()),
        }
    }
}

fn text(data: &[u8]) -> Result<&str, LoginFailure> {
    let data = data
        .get(..MAX_MESSAGE + 1)
        .map_or(Ok(data), |_| Err(NO_SCRAM))?;
    std::str::from_utf8(data).map_err(|_| NO_SCRAM)
}

/// The name without SCRAM's escapes for `,` and `=`; none where a `=` stands for itself.
fn unescaped(name: &str) -> Option<String> {
    let mut parts = name.split('=');
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        let (character, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return None,
        };
        plain.push(character);
        plain.push_str(rest);
    }
    Some(plain)
}

fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Bytes of a message from a client.
const MAX_MESSAGE: usize = 1_024;
const NO_SCRAM: LoginFailure =
    LoginFailure::Data("the authentication data is no message of SCRAM-SHA-256");
const CHANNEL_BINDING: LoginFailure =
    LoginFailure::Data("this server offers SCRAM-SHA-256 without channel binding only");
const OTHER_IDENTITY: LoginFailure =
    LoginFailure::Data("nobody may act for another user by SCRAM-SHA-256");
const NO_ANSWER: LoginFailure =
    LoginFailure::Data("the last message of SCRAM-SHA-256 does not belong to the first ones");

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange of RFC 7677, chapter 3: user "user", password "pencil".
    const FIRST: &[u8] = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    const FRESH: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const LAST: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                        p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

    fn verifier() -> ScramVerifier {
        broker_config::PasswordHash::parse(PENCIL)
            .ok()
            .and_then(|hash| hash.scram().cloned())
            .unwrap_or_else(|| panic!("{PENCIL}"))
    }

    fn begin(first: &[u8], lost: Option<LoginFailure>) -> (Exchange, Bytes) {
        let first = ClientFirst::parse(first).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(first.username, "user");
        Exchange::begin(&first, verifier(), lost, FRESH)
    }

    #[test]
    fn the_exchange_of_the_standard_comes_out_as_it_says() {
        let (exchange, challenge) = begin(FIRST, None);
        let expected = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        assert_eq!(challenge, expected);
        let signature = exchange.finish(LAST.as_bytes());
        assert_eq!(
            signature.as_deref(),
            Ok(&b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="[..])
        );
    }

    #[test]
    fn a_login_that_is_lost_fails_with_the_right_proof_too() {
        let (exchange, _) = begin(FIRST, Some(LoginFailure::UnknownUser));
        assert_eq!(
            exchange.finish(LAST.as_bytes()),
            Err(LoginFailure::UnknownUser)
        );
    }

    #[test]
    fn a_last_message_that_is_not_right_is_refused_with_its_reason() {
        let cases = [
            (LAST.replace("p=d", "p=e"), LoginFailure::WrongPassword),
            (LAST.replace("p=dHzb", "p="), LoginFailure::WrongPassword),
            (LAST.replace("biws", "eSws"), NO_ANSWER),
            (LAST.replace("k0,p", "k1,p"), NO_ANSWER),
            (LAST.replace(FRESH, ""), NO_ANSWER),
            (LAST.replace("p=d", "p=!"), NO_SCRAM),
            (LAST.replace(",p=", ",q="), NO_SCRAM),
            (LAST.replace("c=", "d="), NO_SCRAM),
            (format!("m=x,{LAST}"), NO_SCRAM),
            (String::new(), NO_SCRAM),
            (
                LAST.replace("k0,p", &format!("k0,x={},p", "x".repeat(1_024))),
                NO_SCRAM,
            ),
        ];
        for (last, expected) in cases {
            let (exchange, _) = begin(FIRST, None);
            assert_eq!(exchange.finish(last.as_bytes()), Err(expected), "{last}");
        }
    }

    #[test]
    fn the_first_message_may_say_that_the_client_could_bind_the_channel() {
        let (exchange, _) = begin(b"y,a=user,n=user,r=x,later=1", None);
        assert_eq!(exchange.header, "y,a=user,");
        assert!(exchange.messages.starts_with("n=user,r=x,later=1,r=x%"));
    }

    #[test]
    fn names_are_read_as_they_are_meant() {
        for (written, expected) in [
            ("a=2Cb=3Dc", "a,b=c"),
            ("a\u{ad}b", "ab"),
            ("\u{ff21}", "A"),
        ] {
            let first = format!("n,,n={written},r=x");
            let name = ClientFirst::parse(first.as_bytes()).map(|first| first.username);
            assert_eq!(name.as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_first_message_that_is_not_right_is_refused_with_its_reason() {
        let long = format!("n,,n=user,r={}", "x".repeat(1_024));
        let cases: [(&[u8], LoginFailure); 13] = [
            (b"p=tls-exporter,,n=user,r=x", CHANNEL_BINDING),
            (b"n,a=other,n=user,r=x", OTHER_IDENTITY),
            (b"n,,m=x,n=user,r=x", NO_SCRAM),
            (b"n,,n=,r=x", NO_SCRAM),
            (b"n,,n=a=b,r=x", NO_SCRAM),
            (b"n,,n=a\x07,r=x", NO_SCRAM),
            (b"n,,n=user,r=", NO_SCRAM),
            (b"n,,n=user,r=a b", NO_SCRAM),
            (b"n,,r=x,n=user", NO_SCRAM),
            (b"x,,n=user,r=x", NO_SCRAM),
            (b"n,,n=\xff,r=x", NO_SCRAM),
            (b"user", NO_SCRAM),
            (long.as_bytes(), NO_SCRAM),
        ];
        for (first, expected) in cases {
            let found = ClientFirst::parse(first).err();
            assert_eq!(found, Some(expected), "{}", first.escape_ascii());
        }
    }

    /// The verifier of "pencil" with the salt of the standard, by hashlib and hmac of Python.
    const PENCIL: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$\
                          WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
}
