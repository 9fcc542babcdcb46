// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The HTTP request that asks for a WebSocket, and its answer; whoever asks for something else is told what
//! this port is for.

use tungstenite::error::{Error, ProtocolError};
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::machine::TryParse;
use tungstenite::handshake::server::{Request, create_response};
use tungstenite::http::header::{SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL};

/// What to do with the bytes that arrived so far.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// The request is not complete yet.
    Wait,
    /// Frames follow the request, which is that many bytes long.
    Welcome { request: usize, response: Vec<u8> },
    /// The connection ends after this response.
    Refuse {
        response: &'static str,
        why: &'static str,
    },
}

/// Reads a request from the beginning of `bytes`.
pub fn answer(bytes: &[u8]) -> Answer {
    match Request::try_parse(bytes) {
        Ok(None) if bytes.len() < MAX_REQUEST => Answer::Wait,
        Ok(None) => refuse(&TOO_LARGE),
        Ok(Some((length, _))) if length > MAX_REQUEST => refuse(&TOO_LARGE),
        Ok(Some((length, request))) => accept(length, &request),
        Err(_) if bytes.first() == Some(&TLS_HANDSHAKE) => refuse(&TLS),
        Err(error) => refuse(refusal(&error)),
    }
}

fn accept(length: usize, request: &Request) -> Answer {
    if let Err(error) = create_response(request) {
        return refuse(refusal(&error));
    }
    let (Some(key), Some(protocol)) = (
        request.headers().get(SEC_WEBSOCKET_KEY),
        subprotocol(request),
    ) else {
        return refuse(&NO_SUBPROTOCOL);
    };
    // Spelt as in the standard, because small clients look for exactly that. [MQTT-6.0.0-4]
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    );
    Answer::Welcome {
        request: length,
        response: response.into_bytes(),
    }
}

/// The first subprotocol of ours that the client offers. [MQTT-6.0.0-3]
fn subprotocol(request: &Request) -> Option<&'static str> {
    let offers = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
    let mut offered = offers
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    offered.find_map(|offer| {
        SUBPROTOCOLS
            .into_iter()
            .find(|ours| offer.trim().eq_ignore_ascii_case(ours))
    })
}

fn refusal(error: &Error) -> &'static Refusal {
    match error {
        Error::Protocol(
            ProtocolError::MissingConnectionUpgradeHeader
            | ProtocolError::MissingUpgradeWebSocketHeader,
        ) => &NO_UPGRADE,
        Error::Protocol(ProtocolError::WrongHttpMethod) => &WRONG_METHOD,
        Error::Protocol(ProtocolError::MissingSecWebSocketVersionHeader) => &WRONG_VERSION,
        _ => &NO_REQUEST,
    }
}

fn refuse(refusal: &'static Refusal) -> Answer {
    Answer::Refuse {
        response: refusal.response,
        why: refusal.why,
    }
}

/// A response and the reason for the log.
struct Refusal {
    response: &'static str,
    why: &'static str,
}

macro_rules! response {
    ($status:literal, $headers:literal, $body:literal) => {
        concat!(
            "HTTP/1.1 ",
            $status,
            "\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n",
            $headers,
            "\r\n",
            $body,
            "\n"
        )
    };
}

const NO_UPGRADE: Refusal = Refusal {
    response: response!(
        "426 Upgrade Required",
        "Upgrade: websocket\r\n",
        "This port speaks MQTT over WebSocket. Use an MQTT client with a ws:// address; a browser cannot show it."
    ),
    why: "an HTTP request without a WebSocket upgrade",
};

const NO_SUBPROTOCOL: Refusal = Refusal {
    response: response!(
        "400 Bad Request",
        "",
        "This port speaks MQTT over WebSocket. The client has to offer the WebSocket subprotocol \"mqtt\"."
    ),
    why: "a WebSocket request without the subprotocol mqtt",
};

const WRONG_METHOD: Refusal = Refusal {
    response: response!(
        "405 Method Not Allowed",
        "Allow: GET\r\n",
        "This port speaks MQTT over WebSocket."
    ),
    why: "an HTTP request that is not GET",
};

const WRONG_VERSION: Refusal = Refusal {
    response: response!(
        "426 Upgrade Required",
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        "This port speaks MQTT over WebSocket version 13."
    ),
    why: "a WebSocket request of an unknown version",
};

const NO_REQUEST: Refusal = Refusal {
    response: response!(
        "400 Bad Request",
        "",
        "This port speaks MQTT over WebSocket, which begins with an HTTP/1.1 request."
    ),
    why: "not a WebSocket request; an MQTT client without WebSocket belongs on another port",
};

const TLS: Refusal = Refusal {
    response: "",
    why: "this looks like TLS on a plain WebSocket port: use a ws:// address in the client, not wss://",
};

const TOO_LARGE: Refusal = Refusal {
    response: response!(
        "431 Request Header Fields Too Large",
        "",
        "The request header is longer than 16 KiB."
    ),
    why: "an HTTP request header of more than 16 KiB",
};

/// Sent when the broker closes a connection before its request was read.
pub const UNAVAILABLE: &str = response!(
    "503 Service Unavailable",
    "",
    "The broker takes no connection now; its log says why."
);

/// Sent when the request did not arrive in time.
pub const TIMED_OUT: &str = response!(
    "408 Request Timeout",
    "",
    "The request did not arrive in time."
);

/// Bytes of a request; a longer one is refused (431).
const MAX_REQUEST: usize = 16 * 1024;
/// First byte of a TLS record that begins a handshake.
const TLS_HANDSHAKE: u8 = 0x16;
/// In order of preference of the client; `mqttv3.1` is what MQTT 3.1 clients offer.
const SUBPROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "GET /any/path HTTP/1.1\r\nHost: broker\r\nUpgrade: websocket\r\n\
        Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: wamp, mqtt\r\n\r\n";

    #[test]
    fn a_client_of_mqtt_is_welcome_on_any_path() {
        let bytes = [GOOD.as_bytes(), b"\x82"].concat();
        let Answer::Welcome { request, response } = answer(&bytes) else {
            panic!("{:?}", answer(&bytes))
        };
        assert_eq!(request, GOOD.len());
        let response = String::from_utf8(response).unwrap();
        assert!(
            response.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
            "{response}"
        );
        // The sample of RFC 6455, 1.3.
        assert!(
            response.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
            "{response}"
        );
        assert!(
            response.contains("Sec-WebSocket-Protocol: mqtt\r\n"),
            "{response}"
        );
        assert!(response.ends_with("\r\n\r\n"), "{response}");
    }

    #[test]
    fn an_old_client_gets_its_own_subprotocol() {
        let Answer::Welcome { response, .. } =
            answer(GOOD.replace("wamp, mqtt", "mqttv3.1").as_bytes())
        else {
            panic!("refused");
        };
        assert!(
            String::from_utf8(response)
                .unwrap()
                .contains("Sec-WebSocket-Protocol: mqttv3.1\r\n")
        );
    }

    #[test]
    fn a_request_in_pieces_is_waited_for() {
        for end in 0..GOOD.len() {
            assert_eq!(answer(&GOOD.as_bytes()[..end]), Answer::Wait, "{end} bytes");
        }
    }

    #[test]
    fn every_other_request_is_told_what_it_lacks() {
        let long = format!("GET / HTTP/1.1\r\nCookie: {}", "x".repeat(MAX_REQUEST));
        let cases = [
            (
                GOOD.replace("Upgrade: websocket\r\n", ""),
                "426",
                NO_UPGRADE.why,
            ),
            (
                "GET / HTTP/1.1\r\nHost: broker\r\n\r\n".to_owned(),
                "426",
                NO_UPGRADE.why,
            ),
            (
                GOOD.replace("wamp, mqtt", "wamp"),
                "400",
                NO_SUBPROTOCOL.why,
            ),
            (
                GOOD.replace("Sec-WebSocket-Protocol: wamp, mqtt\r\n", ""),
                "400",
                NO_SUBPROTOCOL.why,
            ),
            (
                GOOD.replace("Version: 13", "Version: 7"),
                "426",
                WRONG_VERSION.why,
            ),
            (GOOD.replace("GET", "POST"), "405", WRONG_METHOD.why),
            (GOOD.replace("HTTP/1.1", "HTTP/1.0"), "400", NO_REQUEST.why),
            (
                "\u{10}\u{c}\0\u{4}MQTT\u{4}\u{2}\0<\0\0".to_owned(),
                "400",
                NO_REQUEST.why,
            ),
            (long, "431", TOO_LARGE.why),
        ];
        for (request, status, expected) in cases {
            let Answer::Refuse { response, why } = answer(request.as_bytes()) else {
                panic!("{request}")
            };
            assert!(
                response.starts_with(&format!("HTTP/1.1 {status} ")),
                "{request}\n{response}"
            );
            assert_eq!(why, expected, "{request}");
        }
    }

    #[test]
    fn tls_gets_no_words_it_could_not_read() {
        let hello = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01];
        assert_eq!(
            answer(&hello),
            Answer::Refuse {
                response: "",
                why: TLS.why
            }
        );
    }
}
