// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What `broker pub` and `broker sub` are told; the letters are those of mosquitto_pub and mosquitto_sub.

use mqtt_proto::QoS;

/// Which of the two commands is told; each has options of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Publish,
    Subscribe,
}

/// Options of both commands.
#[derive(Debug, PartialEq, Eq)]
pub struct Arguments {
    pub target: Target,
    /// One for publishing, at least one for subscribing.
    pub topics: Vec<String>,
    pub qos: QoS,
    /// Publishing: the message.
    pub message: Option<String>,
    /// Publishing: the broker keeps the message for later subscribers.
    pub retain: bool,
    /// Subscribing: the topic is printed before each message.
    pub verbose: bool,
    /// Subscribing: stop after so many messages.
    pub count: Option<u64>,
}

/// The broker to talk to and who to be there.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    pub host: String,
    port: Option<u16>,
    pub username: Option<String>,
    pub password: Option<String>,
    /// Empty: the broker chooses one.
    pub client_id: String,
    pub websocket: bool,
    /// With TLS, how the broker is known.
    pub trust: Option<Trust>,
}

/// What TLS needs.
#[derive(Debug, PartialEq, Eq)]
pub struct Trust {
    /// PEM file of the authorities that sign the broker's certificate.
    pub cafile: String,
    /// PEM files of our own certificate and its key.
    pub identity: Option<(String, String)>,
}

impl Target {
    /// The port named, else the usual one of the protocol.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match (self.websocket, &self.trust) {
            (true, _) => WEBSOCKET_PORT,
            (false, Some(_)) => TLS_PORT,
            (false, None) => MQTT_PORT,
        })
    }
}

impl Arguments {
    /// Reads the arguments; `None` when help was asked for.
    pub fn parse(
        mut parser: lexopt::Parser,
        purpose: Purpose,
    ) -> Result<Option<Self>, lexopt::Error> {
        use Purpose::{Publish, Subscribe};
        use lexopt::prelude::{Long, Short};
        let mut told = Self::default();
        let (mut cafile, mut certfile, mut keyfile) = (None, None, None);
        while let Some(argument) = parser.next()? {
            match (argument, purpose) {
                (Long("help"), _) => return Ok(None),
                (Short('h') | Long("host"), _) => told.target.host = text(&mut parser)?,
                (Short('p') | Long("port"), _) => told.target.port = Some(number(&mut parser)?),
                (Short('u') | Long("username"), _) => {
                    told.target.username = Some(text(&mut parser)?)
                }
                (Short('P') | Long("pw"), _) => told.target.password = Some(text(&mut parser)?),
                (Short('i') | Long("id"), _) => told.target.client_id = text(&mut parser)?,
                (Long("cafile"), _) => cafile = Some(text(&mut parser)?),
                (Long("cert"), _) => certfile = Some(text(&mut parser)?),
                (Long("key"), _) => keyfile = Some(text(&mut parser)?),
                (Long("ws"), _) => told.target.websocket = true,
                (Short('q') | Long("qos"), _) => told.qos = qos(number(&mut parser)?)?,
                (Short('t') | Long("topic"), _) => told.topics.push(text(&mut parser)?),
                (Short('m') | Long("message"), Publish) => told.message = Some(text(&mut parser)?),
                (Short('r') | Long("retain"), Publish) => told.retain = true,
                (Short('v') | Long("verbose"), Subscribe) => told.verbose = true,
                (Short('C'), Subscribe) => told.count = Some(number(&mut parser)?),
                (other, _) => return Err(other.unexpected()),
            }
        }
        told.target.trust = trust(cafile, certfile, keyfile)?;
        told.complete(purpose).map(Some)
    }

    fn complete(self, purpose: Purpose) -> Result<Self, lexopt::Error> {
        match (purpose, self.topics.len(), &self.message) {
            (_, 0, _) => Err("a topic is missing: -t TOPIC".into()),
            (Purpose::Publish, 2.., _) => Err("a message has one topic only".into()),
            (Purpose::Publish, _, None) => Err("a message is missing: -m MESSAGE".into()),
            _ if self.target.websocket && self.target.trust.is_some() => {
                Err("WebSocket with TLS is not possible here: leave --ws or --cafile out".into())
            }
            _ if self.target.password.is_some() && self.target.username.is_none() => {
                Err("a password needs a user name: -u NAME".into())
            }
            _ => Ok(self),
        }
    }
}

impl Default for Arguments {
    fn default() -> Self {
        let target = Target {
            host: "localhost".to_owned(),
            port: None,
            username: None,
            password: None,
            client_id: String::new(),
            websocket: false,
            trust: None,
        };
        Self {
            target,
            topics: Vec::new(),
            qos: QoS::AtMostOnce,
            message: None,
            retain: false,
            verbose: false,
            count: None,
        }
    }
}

fn trust(
    cafile: Option<String>,
    certfile: Option<String>,
    keyfile: Option<String>,
) -> Result<Option<Trust>, lexopt::Error> {
    let identity = match (certfile, keyfile) {
        (Some(certfile), Some(keyfile)) => Some((certfile, keyfile)),
        (None, None) => None,
        _ => return Err("a certificate (--cert) and its key (--key) go together".into()),
    };
    match (cafile, identity) {
        (Some(cafile), identity) => Ok(Some(Trust { cafile, identity })),
        (None, None) => Ok(None),
        (None, Some(_)) => Err("a certificate needs TLS: --cafile FILE".into()),
    }
}

fn text(parser: &mut lexopt::Parser) -> Result<String, lexopt::Error> {
    parser
        .value()?
        .into_string()
        .map_err(lexopt::Error::NonUnicodeValue)
}

fn number<T>(parser: &mut lexopt::Parser) -> Result<T, lexopt::Error>
where
    T: std::str::FromStr<Err: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    use lexopt::ValueExt;
    parser.value()?.parse()
}

fn qos(number: u8) -> Result<QoS, lexopt::Error> {
    match number {
        0 => Ok(QoS::AtMostOnce),
        1 => Ok(QoS::AtLeastOnce),
        2 => Ok(QoS::ExactlyOnce),
        _ => Err("the quality of service (-q) is 0, 1 or 2".into()),
    }
}

const MQTT_PORT: u16 = 1883;
const WEBSOCKET_PORT: u16 = 8083;
const TLS_PORT: u16 = 8883;

/// The part of the help text that both commands have.
pub const TARGET_HELP: &str =
    "  -h, --host HOST       The broker's name or address (default: localhost)
  -p, --port PORT       Its port (default: 1883, with --ws 8083, with --cafile 8883)
      --ws              Talk MQTT over WebSocket
      --cafile FILE     Talk TLS with a broker whose certificate is signed by FILE, its ca.crt
      --cert FILE       Our own certificate, where the broker wants one
      --key FILE        Its key
  -u, --username NAME   The user to log in as
  -P, --pw PASSWORD     The user's password
  -i, --id ID           Client identifier (default: the broker chooses one)
      --help            Print this text

Exit status: 0 done, 1 no connection or it was lost, 2 wrong arguments, 3 the broker refused.";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str, purpose: Purpose) -> Result<Option<Arguments>, lexopt::Error> {
        Arguments::parse(lexopt::Parser::from_args(line.split_whitespace()), purpose)
    }

    #[test]
    fn the_letters_are_those_people_know() {
        let told = parse(
            "-h pi.local -p 1884 -u ann -P x -i me -q 2 -t a/b -m hello -r",
            Purpose::Publish,
        )
        .unwrap()
        .unwrap();
        assert_eq!(
            (told.target.host.as_str(), told.target.port()),
            ("pi.local", 1884)
        );
        assert_eq!(
            (told.topics, told.message),
            (vec!["a/b".to_owned()], Some("hello".to_owned()))
        );
        assert_eq!((told.qos, told.retain), (QoS::ExactlyOnce, true));
        let told = parse("-t a -t b/# -v -C 3 --ws", Purpose::Subscribe)
            .unwrap()
            .unwrap();
        assert_eq!(
            (
                told.topics.len(),
                told.verbose,
                told.count,
                told.target.port()
            ),
            (2, true, Some(3), 8083)
        );
    }

    #[test]
    fn an_authority_means_tls() {
        let line = "-t a --cafile ca.crt --cert c --key k";
        let told = parse(line, Purpose::Subscribe).unwrap().unwrap();
        assert_eq!(told.target.port(), 8883);
        let identity = Some(("c".to_owned(), "k".to_owned()));
        let cafile = "ca.crt".to_owned();
        assert_eq!(told.target.trust, Some(Trust { cafile, identity }));
    }

    #[test]
    fn wrong_arguments_are_refused_in_words() {
        let cases = [
            ("-m x", Purpose::Publish, "a topic is missing: -t TOPIC"),
            ("-t a", Purpose::Publish, "a message is missing: -m MESSAGE"),
            (
                "-t a -t b -m x",
                Purpose::Publish,
                "a message has one topic only",
            ),
            (
                "-t a -m x -P secret",
                Purpose::Publish,
                "a password needs a user name: -u NAME",
            ),
            (
                "-t a -q 3",
                Purpose::Subscribe,
                "the quality of service (-q) is 0, 1 or 2",
            ),
            (
                "-t a --cafile ca.crt --cert c",
                Purpose::Subscribe,
                "a certificate (--cert) and its key (--key) go together",
            ),
            (
                "-t a --cert c --key k",
                Purpose::Subscribe,
                "a certificate needs TLS: --cafile FILE",
            ),
            (
                "-t a --ws --cafile ca.crt",
                Purpose::Subscribe,
                "WebSocket with TLS is not possible here: leave --ws or --cafile out",
            ),
            ("-t a -v -m x", Purpose::Subscribe, "invalid option '-m'"),
        ];
        for (line, purpose, expected) in cases {
            let error = parse(line, purpose).unwrap_err();
            assert_eq!(error.to_string(), expected, "{line}");
        }
    }
}
