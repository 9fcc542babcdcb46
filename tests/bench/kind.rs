// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The brokers this bench can drive: how each is started, and its smallest configuration for a fair match.
//!
//! One listener on the loopback address, open to anonymous clients, no persistence but in [`Setting::durable`], no delay of small
//! segments, 100 messages in flight where that can be set, queues long enough for the backlogs. Ours has what it ships with.

use std::path::{Path, PathBuf};

use mqtt_proto::Version;

use crate::load::Transport;

/// A broker's make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Copies bytes and keeps nothing: the ceiling.
    Null,
    Ours,
    Mosquitto,
    Nats,
    FlashMq,
    Rumqttd,
    NanoMq,
}

/// What a configuration is made of.
#[derive(Debug, Clone)]
pub struct Setting<'a> {
    pub port: u16,
    /// A second free port, for makes that cannot do without another listener.
    pub spare: u16,
    pub transport: Transport,
    pub version: Version,
    /// Certificate with its chain, and key, for TLS.
    pub identity: &'a Identity,
    /// Where all that it keeps belongs.
    pub folder: &'a Path,
    /// Lines of `broker.toml` that ours needs beyond its defaults.
    pub limits: &'a str,
    /// What is acknowledged has to be on the disk.
    pub durable: bool,
}

/// PEM files.
#[derive(Debug, Clone)]
pub struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Who signed the certificate.
    pub authority: PathBuf,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Null,
        Self::Ours,
        Self::Mosquitto,
        Self::Nats,
        Self::FlashMq,
        Self::Rumqttd,
        Self::NanoMq,
    ];

    /// The kind of this name, as the command line has it.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Ours => "ours",
            Self::Mosquitto => "mosquitto",
            Self::Nats => "nats",
            Self::FlashMq => "flashmq",
            Self::Rumqttd => "rumqttd",
            Self::NanoMq => "nanomq",
        }
    }

    /// The argument that makes it print its version.
    pub fn version_argument(self) -> &'static str {
        match self {
            Self::Mosquitto => "-h",
            _ => "--version",
        }
    }

    /// Its arguments; `file` has the configuration.
    pub fn arguments(self, setting: &Setting, file: &Path) -> Vec<String> {
        let file = file.display().to_string();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        match self {
            Self::Null => words(&["null", &setting.port.to_string()]),
            Self::Ours => {
                let path = |name| setting.folder.join(name).display().to_string();
                let (state, control) = (path("state"), path("control"));
                words(&[
                    "run",
                    "--config",
                    &file,
                    "--state",
                    &state,
                    "--control",
                    &control,
                ])
            }
            Self::Mosquitto | Self::Nats => words(&["-c", &file]),
            Self::FlashMq => words(&["--config-file", &file]),
            Self::Rumqttd => words(&["--config", &file]),
            Self::NanoMq => words(&["start", "--conf", &file]),
        }
    }

    /// The text of its configuration; none where it cannot do what is wanted.
    pub fn configuration(self, setting: &Setting) -> Option<String> {
        match self {
            Self::Null => {
                (setting.transport == Transport::Tcp && !setting.durable).then(String::new)
            }
            Self::Ours => Some(ours(setting)),
            Self::Mosquitto => Some(mosquitto(setting)),
            Self::Nats => Some(nats(setting)),
            Self::FlashMq => (!setting.durable).then(|| flashmq(setting)),
            Self::Rumqttd => (!setting.durable).then(|| rumqttd(setting)),
            Self::NanoMq => {
                (!setting.durable && setting.transport != Transport::Tls).then(|| nanomq(setting))
            }
        }
    }
}

fn ours(setting: &Setting) -> String {
    let Setting { port, limits, .. } = setting;
    let Identity {
        certificate, key, ..
    } = setting.identity;
    let more = match setting.transport {
        Transport::Tcp => String::new(),
        Transport::WebSocket => "protocol = \"websockets\"\n".to_owned(),
        Transport::Tls => format!("tls = true\ncertfile = {certificate:?}\nkeyfile = {key:?}\n"),
    };
    let limits = match limits {
        &"" => String::new(),
        lines => format!("[limits]\n{lines}\n"),
    };
    format!(
        "version = 1\n[broker]\nallow_anonymous = true\n{limits}\
         [[listener]]\nport = {port}\nbind_address = \"127.0.0.1\"\n{more}"
    )
}

fn mosquitto(setting: &Setting) -> String {
    let Setting { port, folder, .. } = setting;
    let Identity {
        certificate, key, ..
    } = setting.identity;
    let more = match setting.transport {
        Transport::Tcp => String::new(),
        Transport::WebSocket => "protocol websockets\n".to_owned(),
        Transport::Tls => format!(
            "certfile {}\nkeyfile {}\n",
            certificate.display(),
            key.display()
        ),
    };
    let keeps = if setting.durable {
        format!(
            "persistence true\npersistence_location {}/\nautosave_on_changes true\nautosave_interval 1\n",
            folder.display()
        )
    } else {
        "persistence false\n".to_owned()
    };
    // Without `user` it would give up its rights, and not be able to read the key or to write its state.
    format!(
        "listener {port} 127.0.0.1\n{more}allow_anonymous true\nuser root\nlog_dest stderr\nlog_type error\n{keeps}\
         set_tcp_nodelay true\nmax_inflight_messages 100\nmax_queued_messages 0\n"
    )
}

fn nats(setting: &Setting) -> String {
    let Setting {
        port,
        spare,
        folder,
        ..
    } = setting;
    let Identity {
        certificate, key, ..
    } = setting.identity;
    let mqtt = |port: &u16, tls: &str| {
        format!(
            "mqtt {{ host: 127.0.0.1, port: {port}, max_ack_pending: 100, js_api_timeout: \"60s\" {tls} }}\n"
        )
    };
    let listeners = match setting.transport {
        Transport::Tcp => mqtt(port, ""),
        Transport::WebSocket => {
            format!("websocket {{ host: 127.0.0.1, port: {port}, no_tls: true }}\n")
                + &mqtt(spare, "")
        }
        Transport::Tls => mqtt(
            port,
            &format!(", tls: {{ cert_file: {certificate:?}, key_file: {key:?} }}"),
        ),
    };
    let sync = if setting.durable {
        ", sync_interval: always"
    } else {
        ""
    };
    format!(
        "server_name: bench\nlisten: 127.0.0.1:-1\nmax_connections: 65536\nmax_subscriptions: 0\n\
         jetstream {{ store_dir: {folder:?} {sync} }}\n{listeners}"
    )
}

fn flashmq(setting: &Setting) -> String {
    let Identity {
        certificate, key, ..
    } = setting.identity;
    let more = match setting.transport {
        Transport::Tcp => "protocol mqtt".to_owned(),
        Transport::WebSocket => "protocol websockets".to_owned(),
        Transport::Tls => format!(
            "protocol mqtt\nfullchain {}\nprivkey {}",
            certificate.display(),
            key.display()
        ),
    };
    format!(
        "allow_anonymous true\nquiet true\nmax_qos_msg_pending_per_client 65535\nmax_qos_bytes_pending_per_client 100000000\n\
         listen {{\n{more}\ninet_protocol ip4\ninet4_bind_address 127.0.0.1\nport {}\ntcp_nodelay true\n}}\n",
        setting.port
    )
}

/// It has a server of its own for every version and transport.
fn rumqttd(setting: &Setting) -> String {
    let Setting { port, spare, .. } = setting;
    let Identity {
        certificate, key, ..
    } = setting.identity;
    let server = match (setting.transport, setting.version) {
        (Transport::WebSocket, _) => "ws",
        (_, Version::V5) => "v5",
        _ => "v4",
    };
    let tls = match setting.transport {
        Transport::Tls => {
            format!("[v4.1.tls]\ncertpath = {certificate:?}\nkeypath = {key:?}\n")
        }
        _ => String::new(),
    };
    format!(
        "id = 0\n[router]\nid = 0\nmax_connections = 20010\nmax_outgoing_packet_count = 200\nmax_segment_size = 104857600\n\
         max_segment_count = 10\n[{server}.1]\nname = \"bench\"\nlisten = \"127.0.0.1:{port}\"\nnext_connection_delay_ms = 0\n\
         [{server}.1.connections]\nconnection_timeout_ms = 60000\nmax_payload_size = 1048576\nmax_inflight_count = 100\n\
         dynamic_filters = true\n{tls}[console]\nlisten = \"127.0.0.1:{spare}\"\n"
    )
}

fn nanomq(setting: &Setting) -> String {
    let Setting { port, spare, .. } = setting;
    let (tcp, websocket) = match setting.transport {
        Transport::WebSocket => (spare, port),
        _ => (port, spare),
    };
    format!(
        "mqtt {{\n max_packet_size = 10MB\n max_mqueue_len = 65535\n max_inflight_window = 100\n max_awaiting_rel = 10s\n}}\n\
         listeners.tcp {{\n bind = \"127.0.0.1:{tcp}\"\n}}\nlisteners.ws {{\n bind = \"127.0.0.1:{websocket}/mqtt\"\n enable = {}\n}}\n\
         log {{\n to = [console]\n level = error\n}}\nauth {{\n allow_anonymous = true\n no_match = allow\n deny_action = ignore\n}}\n",
        setting.transport == Transport::WebSocket
    )
}
