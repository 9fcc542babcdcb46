// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Reason codes: one table of code, standard name, packets it may stand in, and the return code a
//! version 3 CONNACK carries instead. The packets: `[MQTT-3.2.2-8]`, `[MQTT-3.4.2-1]`, `[MQTT-3.5.2-1]`, `[MQTT-3.6.2-1]`,
//! `[MQTT-3.7.2-1]`, `[MQTT-3.9.3-2]`, `[MQTT-3.11.3-2]`, `[MQTT-3.14.2-1]`, `[MQTT-3.15.2-1]`.

use crate::packet::{PacketKind, Places};

macro_rules! reason_table {
    ($( $variant:ident = $code:literal, $name:literal, [$($place:ident)*], v3 $v3:literal; )*) => {
        /// Why something was done or refused, as in the reason code byte of version 5.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $( #[doc = $name] $variant = $code, )*
        }

        impl Reason {
            /// Every reason code, ascending.
            pub const ALL: &[Self] = &[$( Self::$variant ),*];

            /// The reason with this code; `None` for a code the standard does not define.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code {
                    $( $code => Some(Self::$variant), )*
                    _ => None,
                }
            }

            /// The name in the standard, in lower case where it is a sentence.
            pub const fn name(self) -> &'static str {
                match self {
                    $( Self::$variant => $name, )*
                }
            }

            /// The CONNACK return code of versions 3.1 and 3.1.1 nearest to this reason.
            pub const fn connack_v3(self) -> u8 {
                match self {
                    $( Self::$variant => $v3, )*
                }
            }

            const fn places(self) -> Places {
                match self {
                    $( Self::$variant => Places::NOWHERE$( .or(Places::$place) )*, )*
                }
            }
        }
    };
}

impl Reason {
    /// The code on the wire.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Whether this reason says that something failed.
    pub const fn is_error(self) -> bool {
        self.code() >= 0x80
    }

    /// Whether the standard lets packets of this kind carry this reason.
    pub const fn allowed_in(self, kind: PacketKind) -> bool {
        self.places().overlaps(Places::of(kind))
    }

    /// The reason nearest to a CONNACK return code of version 3; `None` for a reserved code.
    pub(crate) const fn from_connack_v3(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Success,
            1 => Self::UnsupportedProtocolVersion,
            2 => Self::ClientIdentifierNotValid,
            3 => Self::ServerUnavailable,
            4 => Self::BadUserNameOrPassword,
            5 => Self::NotAuthorized,
            _ => return None,
        })
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

reason_table! {
    Success = 0x00, "success", [CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH], v3 0;
    GrantedQoS1 = 0x01, "granted QoS 1", [SUBACK], v3 0;
    GrantedQoS2 = 0x02, "granted QoS 2", [SUBACK], v3 0;
    DisconnectWithWill = 0x04, "disconnect with will message", [DISCONNECT], v3 0;
    NoMatchingSubscribers = 0x10, "no matching subscribers", [PUBACK PUBREC], v3 0;
    NoSubscriptionExisted = 0x11, "no subscription existed", [UNSUBACK], v3 0;
    ContinueAuthentication = 0x18, "continue authentication", [AUTH], v3 0;
    ReAuthenticate = 0x19, "re-authenticate", [AUTH], v3 0;
    UnspecifiedError = 0x80, "unspecified error", [CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT], v3 3;
    MalformedPacket = 0x81, "malformed packet", [CONNACK DISCONNECT], v3 3;
    ProtocolError = 0x82, "protocol error", [CONNACK DISCONNECT], v3 3;
    ImplementationSpecificError = 0x83, "implementation specific error", [CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT], v3 3;
    UnsupportedProtocolVersion = 0x84, "unsupported protocol version", [CONNACK], v3 1;
    ClientIdentifierNotValid = 0x85, "client identifier not valid", [CONNACK], v3 2;
    BadUserNameOrPassword = 0x86, "bad user name or password", [CONNACK], v3 4;
    NotAuthorized = 0x87, "not authorized", [CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT], v3 5;
    ServerUnavailable = 0x88, "server unavailable", [CONNACK], v3 3;
    ServerBusy = 0x89, "server busy", [CONNACK DISCONNECT], v3 3;
    Banned = 0x8A, "banned", [CONNACK], v3 5;
    ServerShuttingDown = 0x8B, "server shutting down", [DISCONNECT], v3 3;
    BadAuthenticationMethod = 0x8C, "bad authentication method", [CONNACK DISCONNECT], v3 4;
    KeepAliveTimeout = 0x8D, "keep alive timeout", [DISCONNECT], v3 3;
    SessionTakenOver = 0x8E, "session taken over", [DISCONNECT], v3 3;
    TopicFilterInvalid = 0x8F, "topic filter invalid", [SUBACK UNSUBACK DISCONNECT], v3 3;
    TopicNameInvalid = 0x90, "topic name invalid", [CONNACK PUBACK PUBREC DISCONNECT], v3 3;
    PacketIdentifierInUse = 0x91, "packet identifier in use", [PUBACK PUBREC SUBACK UNSUBACK], v3 3;
    PacketIdentifierNotFound = 0x92, "packet identifier not found", [PUBREL PUBCOMP], v3 3;
    ReceiveMaximumExceeded = 0x93, "receive maximum exceeded", [DISCONNECT], v3 3;
    TopicAliasInvalid = 0x94, "topic alias invalid", [DISCONNECT], v3 3;
    PacketTooLarge = 0x95, "packet too large", [CONNACK DISCONNECT], v3 3;
    MessageRateTooHigh = 0x96, "message rate too high", [DISCONNECT], v3 3;
    QuotaExceeded = 0x97, "quota exceeded", [CONNACK PUBACK PUBREC SUBACK DISCONNECT], v3 3;
    AdministrativeAction = 0x98, "administrative action", [DISCONNECT], v3 3;
    PayloadFormatInvalid = 0x99, "payload format invalid", [CONNACK PUBACK PUBREC DISCONNECT], v3 3;
    RetainNotSupported = 0x9A, "retain not supported", [CONNACK DISCONNECT], v3 3;
    QoSNotSupported = 0x9B, "QoS not supported", [CONNACK DISCONNECT], v3 3;
    UseAnotherServer = 0x9C, "use another server", [CONNACK DISCONNECT], v3 3;
    ServerMoved = 0x9D, "server moved", [CONNACK DISCONNECT], v3 3;
    SharedSubscriptionsNotSupported = 0x9E, "shared subscriptions not supported", [SUBACK DISCONNECT], v3 3;
    ConnectionRateExceeded = 0x9F, "connection rate exceeded", [CONNACK DISCONNECT], v3 3;
    MaximumConnectTime = 0xA0, "maximum connect time", [DISCONNECT], v3 3;
    SubscriptionIdentifiersNotSupported = 0xA1, "subscription identifiers not supported", [SUBACK DISCONNECT], v3 3;
    WildcardSubscriptionsNotSupported = 0xA2, "wildcard subscriptions not supported", [SUBACK DISCONNECT], v3 3;
}
