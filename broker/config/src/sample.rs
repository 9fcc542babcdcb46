// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The shipped `broker.toml`: every key as an example behind `#`, only `version` in force.
//!
//! A `#` with a space begins a remark, one without hides an example line.

use crate::reference::{
    ACCEPT_PROTOCOL_VERSIONS, ACL, ACL_MODE, ADDRESS, ALLOW_ANONYMOUS, ANONYMOUS_ACL, AUTH,
    AUTHORIZED_KEYS, BIND_ADDRESS, CAFILE, CARD_ENDURANCE_TB, CERTFILE, COUNTRY, CRLFILE, DNS,
    GATEWAY, GROUP_ACL, GROUP_NAME, GROUPS, HIDDEN, HOSTNAME, INTERFACE, KEYFILE, Key, LIMITS,
    LISTENER_ALLOW_ANONYMOUS, LISTENER_MAX_CONNECTIONS, METHOD, MODE, NTP_SERVERS, PASSWORD,
    PASSWORD_FILE, PASSWORD_HASH, PORT, PROTOCOL, REQUIRE_CERTIFICATE, SD_BUDGET_MB_PER_DAY,
    SOCKET, SOCKET_DOMAIN, SSID, SYS_INTERVAL, TIMEZONE, TLS, TLS_VERSION, Table,
    USE_IDENTITY_AS_USERNAME, USERNAME, VERSION, WINDOW_MS, WLAN_PASSWORD,
};

/// The file as it is put on the boot partition.
pub fn sample() -> String {
    let mut file = String::new();
    push_remark(&mut file, INTRODUCTION);
    push_line(
        &mut file,
        &format!("\n{} = {}", VERSION.name, VERSION.example),
    );
    let mut explained: Vec<&Key> = Vec::new();
    for block in &BLOCKS {
        file.push('\n');
        push_remark(&mut file, block.remark);
        push_line(&mut file, &format!("#{}", block.table.heading()));
        for (key, value) in block.lines {
            if !explained.contains(key) {
                push_remark(
                    &mut file,
                    &format!("{} Default: {}.", key.sentence, key.default),
                );
                explained.push(key);
            }
            push_line(&mut file, &format!("#{} = {value}", key.name));
        }
    }
    file
}

/// One heading with its lines.
struct Block {
    table: Table,
    remark: &'static str,
    lines: &'static [(&'static Key, &'static str)],
}

fn push_line(file: &mut String, line: &str) {
    file.push_str(line);
    file.push('\n');
}

/// Appends the text as remarks of at most 80 columns; a line break begins a new paragraph.
fn push_remark(file: &mut String, text: &str) {
    for paragraph in text.lines() {
        let mut line = String::from("#");
        for word in paragraph.split_whitespace() {
            if line.len() + 1 + word.len() > MAX_COLUMNS {
                push_line(file, &line);
                line = String::from("#");
            }
            line.push(' ');
            line.push_str(word);
        }
        push_line(file, &line);
    }
}

const INTRODUCTION: &str = "\
broker.toml: what this machine does as an MQTT broker.

Edit this file on any computer, save it as plain text, put the card back and switch on. \
A moment later broker-report.txt beside it says what was done, or what is wrong.

A line that begins with # does nothing. To use an example, take away the # before its \
[heading] and before its lines.

Left as it is, the broker makes one user with a password of its own at the first boot: \
the login stands in broker-report.txt.";

const BLOCKS: [Block; 16] = [
    Block {
        table: Table::System,
        remark: Table::System.sentence(),
        lines: &[(&HOSTNAME, HOSTNAME.example)],
    },
    Block {
        table: Table::Time,
        remark: Table::Time.sentence(),
        lines: &[
            (&TIMEZONE, TIMEZONE.example),
            (&NTP_SERVERS, NTP_SERVERS.example),
        ],
    },
    Block {
        table: Table::Wlan,
        remark: "The wireless network that the machine joins. psk = \"...\", the 64 hexadecimal digits that \
                 wpa_passphrase makes, may stand in place of password for a network of WPA2.",
        lines: &[
            (&SSID, SSID.example),
            (&WLAN_PASSWORD, WLAN_PASSWORD.example),
            (&COUNTRY, COUNTRY.example),
            (&HIDDEN, "false"),
        ],
    },
    Block {
        table: Table::Ethernet,
        remark: Table::Ethernet.sentence(),
        lines: &[
            (&METHOD, METHOD.example),
            (&ADDRESS, ADDRESS.example),
            (&GATEWAY, GATEWAY.example),
            (&DNS, DNS.example),
        ],
    },
    Block {
        table: Table::Ssh,
        remark: Table::Ssh.sentence(),
        lines: &[(&AUTHORIZED_KEYS, AUTHORIZED_KEYS.example)],
    },
    Block {
        table: Table::Broker,
        remark: Table::Broker.sentence(),
        lines: &[
            (&ALLOW_ANONYMOUS, "false"),
            (&ANONYMOUS_ACL, ANONYMOUS_ACL.example),
            (&PASSWORD_FILE, PASSWORD_FILE.example),
            (&ACL_MODE, "\"truthful\""),
            (&SYS_INTERVAL.key, SYS_INTERVAL.key.example),
        ],
    },
    Block {
        table: Table::User,
        remark: Table::User.sentence(),
        lines: &[
            (&USERNAME, USERNAME.example),
            (&PASSWORD, PASSWORD.example),
            (&AUTH, "\"password\""),
            (&ACL, ACL.example),
        ],
    },
    Block {
        table: Table::User,
        remark: "A second user, with a hash instead of a password.",
        lines: &[
            (&USERNAME, "\"archive\""),
            (&PASSWORD_HASH, PASSWORD_HASH.example),
            (&GROUPS, GROUPS.example),
        ],
    },
    Block {
        table: Table::Group,
        remark: "Rights that several users have.\n\
                 acl_file = \"mosquitto.acl\" under [broker] names a Mosquitto file of access lists; \
                 then acl, groups and anonymous_acl stand nowhere.",
        lines: &[
            (&GROUP_NAME, GROUP_NAME.example),
            (&GROUP_ACL, GROUP_ACL.example),
        ],
    },
    Block {
        table: Table::Listener,
        remark: Table::Listener.sentence(),
        lines: &[
            (&PORT, PORT.example),
            (&BIND_ADDRESS, BIND_ADDRESS.example),
            (&SOCKET_DOMAIN, SOCKET_DOMAIN.example),
            (&INTERFACE, INTERFACE.example),
        ],
    },
    Block {
        table: Table::Listener,
        remark: "A second socket, for programs in a browser.",
        lines: &[
            (&PORT, "8083"),
            (&PROTOCOL, PROTOCOL.example),
            (&LISTENER_MAX_CONNECTIONS, LISTENER_MAX_CONNECTIONS.example),
            (&LISTENER_ALLOW_ANONYMOUS, "false"),
            (&ACCEPT_PROTOCOL_VERSIONS, ACCEPT_PROTOCOL_VERSIONS.example),
        ],
    },
    Block {
        table: Table::Listener,
        remark: "A third, encrypted: give ca.crt, beside this file, to the clients.",
        lines: &[
            (&PORT, "8883"),
            (&TLS, TLS.example),
            (&TLS_VERSION, TLS_VERSION.example),
        ],
    },
    Block {
        table: Table::Listener,
        remark: "A fourth, with a certificate of your own, and users known by their certificates.",
        lines: &[
            (&PORT, "8884"),
            (&TLS, TLS.example),
            (&CERTFILE, CERTFILE.example),
            (&KEYFILE, KEYFILE.example),
            (&CAFILE, CAFILE.example),
            (&REQUIRE_CERTIFICATE, REQUIRE_CERTIFICATE.example),
            (&USE_IDENTITY_AS_USERNAME, USE_IDENTITY_AS_USERNAME.example),
            (&CRLFILE, CRLFILE.example),
        ],
    },
    Block {
        table: Table::Listener,
        remark: "A fifth, for programs of this machine.",
        lines: &[(&SOCKET, SOCKET.example)],
    },
    Block {
        table: Table::Persistence,
        remark: Table::Persistence.sentence(),
        lines: &[
            (&MODE, MODE.example),
            (&WINDOW_MS, WINDOW_MS.example),
            (&SD_BUDGET_MB_PER_DAY, SD_BUDGET_MB_PER_DAY.example),
            (&CARD_ENDURANCE_TB, CARD_ENDURANCE_TB.example),
        ],
    },
    Block {
        table: Table::Limits,
        remark: Table::Limits.sentence(),
        lines: &LIMIT_LINES,
    },
];

/// The keys of `[limits]`: all limits but the first, which stands under `[broker]`.
// The compiler evaluates it: an index that is wrong does not build.
#[allow(clippy::indexing_slicing)]
const LIMIT_LINES: [(&Key, &str); LIMITS.len() - 1] = {
    let mut lines = [(&VERSION, ""); LIMITS.len() - 1];
    let mut index = 0;
    while index < lines.len() {
        let key = &LIMITS[index + 1].key;
        lines[index] = (key, key.example);
        index += 1;
    }
    lines
};

const MAX_COLUMNS: usize = 80;
