// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The report as a person reads it: `broker-report.txt`.

use broker_config::{Certificate, Protocol, Tls};

use super::{Access, Authority, Report, Summary, chain, outcome};
use crate::accept::{TakeError, Verdict};
use crate::login::Login;
use crate::network::{self, Code};
use crate::secret::passwords;
use crate::sockets::Socket;
use crate::ssh::{Door, Key};

/// Stands before a made password, which is read back from behind it.
pub const PASSWORD_LABEL: &str = "password   ";

/// The whole report, lines ended by `\n`.
pub fn render(report: &Report) -> String {
    let sections = [
        Some(("RESULT", result(report))),
        report
            .reset
            .as_ref()
            .map(|reset| ("FACTORY RESET", reset.lines())),
        report
            .login
            .as_ref()
            .map(|login| ("LOGIN", self::login(login))),
        problems(report).map(|lines| ("PROBLEMS", lines)),
        some_lines(report.warnings()).map(|lines| ("WARNINGS", lines)),
        some_lines(network(report)).map(|lines| ("NETWORK", lines)),
        report
            .access
            .as_ref()
            .map(|access| ("WHERE CLIENTS CONNECT", where_to_connect(access))),
        report
            .access
            .as_ref()
            .and_then(|access| access.authority.as_ref())
            .map(|authority| ("THIS DEVICE'S CERTIFICATES", certificates(authority))),
        report
            .access
            .as_ref()
            .and_then(|access| Some(("HOW YOU LOG IN", door(access.door.as_ref()?, &access.host)))),
        report
            .access
            .as_ref()
            .and_then(|access| examples(access, report.login.as_ref())),
        some_lines(steps(report)).map(|lines| ("DONE AT THIS START", lines)),
        report.division.map(|division| ("CARD", division.lines())),
        some_lines(report.notes()).map(|lines| ("NOTES", lines)),
    ];
    let mut text = "MQTT broker report\n==================\n".to_owned();
    for (heading, lines) in sections.into_iter().flatten() {
        text.push_str(&format!("\n{heading}\n"));
        lines
            .iter()
            .for_each(|line| text.push_str(&format!("  {line}\n")));
    }
    text.push_str(&footer(report));
    text
}

fn some_lines(lines: Vec<String>) -> Option<Vec<String>> {
    (!lines.is_empty()).then_some(lines)
}

/// The result's word, then what it means, a sentence each.
pub fn result(report: &Report) -> Vec<String> {
    let file = report.file.as_deref().unwrap_or("broker.toml");
    let mut lines = vec![report.summary().code().to_uppercase()];
    lines.push(match (&report.verdict, report.summary()) {
        (Some(Verdict::Unreadable(error)), _) => format!("{}.", chain(error)),
        (Some(Verdict::NotTaken(error @ (TakeError::Reset | TakeError::State(_)))), _) => format!("{file} was not read: {error}."),
        (Some(Verdict::NotTaken(error)), _) => format!("{file} is right, but it could not be taken: {}.", chain(error)),
        (_, Summary::Partly) => {
            format!("{file} was taken, but not every step succeeded. What failed is tried again at the next start.")
        }
        (_, Summary::Applied) => format!("The settings of {file} are in force."),
        (_, Summary::Refused) => format!("{file} has a fault, so nothing of it was applied."),
        (_, Summary::Missing) => "There is no broker.toml on this partition.".to_owned(),
        _ => "The device is being set up. If this still stands here after some minutes, start it again.".to_owned(),
    });
    let stands = matches!(
        report.summary(),
        Summary::Applied | Summary::Partly | Summary::Unfinished
    );
    if !stands {
        lines.extend(last_good(report));
    }
    if report.taken > 0 && report.troubles.is_empty() {
        let were = if report.taken == 1 { "was" } else { "were" };
        lines.push(format!(
            "{} {were} taken from {file} and overwritten there: `0` means \"kept on the device\".",
            passwords(report.taken)
        ));
    }
    if report.troubles.is_empty() {
        lines.extend(report.keys_taken.iter().map(|name| {
            let name = name.escape_debug();
            format!("The private key in {name} was taken and overwritten there: it is kept on the device.")
        }));
    }
    lines
}

/// What the broker does instead, and what the person can do.
fn last_good(report: &Report) -> Vec<String> {
    if let Some(Verdict::NotTaken(TakeError::State(_))) = &report.verdict {
        return UNREACHED.map(str::to_owned).to_vec();
    }
    let stands = match report.locked {
        true => "The broker is locked: it lets nobody in.",
        false => "The broker works on with the last settings that were right.",
    };
    let remedy = match report.summary() {
        Summary::Refused => {
            "Correct what stands under PROBLEMS on any computer, then start the device again."
        }
        Summary::Missing => {
            "Put a file broker.toml here, with at least the line `version = 1`, then start the device again."
        }
        _ => "It is tried again at the next start.",
    };
    vec![stands.to_owned(), remedy.to_owned()]
}

fn login(login: &Login) -> Vec<String> {
    vec![
        format!("user name  {}", login.username),
        format!("{PASSWORD_LABEL}{}", login.password),
        "This login was made for this device, because broker.toml names no user. Write it down: at the first".to_owned(),
        "start after somebody has logged in with it, it disappears from this report.".to_owned(),
    ]
}

fn problems(report: &Report) -> Option<Vec<String>> {
    match &report.verdict {
        Some(Verdict::Refused(refusals)) => {
            Some(refusals.iter().map(ToString::to_string).collect())
        }
        _ => None,
    }
}

fn where_to_connect(access: &Access) -> Vec<String> {
    let mut lines = Vec::new();
    for socket in &access.sockets {
        lines.push(match remarks(socket).join(", ") {
            none if none.is_empty() => socket.listener.to_string(),
            remarks => format!("{}: {remarks}", socket.listener),
        });
        let urls = socket
            .hosts(&access.host)
            .into_iter()
            .map(|host| socket.url(&host));
        lines.extend(urls.map(|url| format!("  {url}")));
    }
    if access.sockets.iter().any(Socket::lacks_address) {
        lines.push("The network had not given this machine an address when this was written; use its name.".to_owned());
    }
    lines.push(format!(
        "TCP ports open in the firewall: {}.",
        access.openings
    ));
    lines.push(match (access.allow_anonymous, access.users.len()) {
        (true, 0) => "Everybody may connect, without a user name.".to_owned(),
        (true, _) => format!(
            "Everybody may connect, also without a user name. Users: {}.",
            access.users.join(", ")
        ),
        (false, 1) => format!("User: {}.", access.users.join(", ")),
        (false, _) => format!("Users: {}.", access.users.join(", ")),
    });
    lines
}

fn certificates(authority: &Authority) -> Vec<String> {
    let mut lines = vec![
        "Clients that use TLS need the file ca.crt, which stands beside this report. Its SHA-256 fingerprint is".to_owned(),
        authority.fingerprint.as_str().to_owned(),
    ];
    if let Some(loss) = authority.replaces {
        lines.push(format!(
            "It was made on {}, because {loss}:",
            authority.made
        ));
        lines.push("clients with an earlier ca.crt need this one.".to_owned());
    }
    lines
}

fn network(report: &Report) -> Vec<String> {
    let told = |finding: &network::Finding| match finding.code {
        Code::Failed | Code::Waiting => format!("{}: not connected, see WARNINGS.", finding.table),
        Code::Pending | Code::Connected => format!("{}.", finding.text),
    };
    report.network.iter().map(told).collect()
}

fn door(door: &Door, host: &str) -> Vec<String> {
    let key = |key: &Key| format!("{} {} {}", key.kind, key.fingerprint, key.remark);
    let mut lines = vec![
        format!("ssh root@{host}"),
        "with one of these keys; nobody has a password:".to_owned(),
    ];
    let keys = door.keys.iter().map(key);
    lines.extend(keys.map(|key| format!("  {}", key.trim_end())));
    if let Some(shown) = &door.host_key {
        lines.push(
            "The first time, ssh asks whether the machine is the right one. It is, if it shows"
                .to_owned(),
        );
        lines.push(format!("  {} {}", shown.kind, shown.fingerprint));
    }
    lines
}

/// What is special about a socket.
fn remarks(socket: &Socket) -> Vec<&'static str> {
    let state = match &socket.obstacle {
        Some(_) => Some("probably closed, see WARNINGS"),
        None => socket.is_local().then_some("from this machine only"),
    };
    let anonymous = socket
        .listener
        .allow_anonymous
        .map(|allowed| match allowed {
            true => "also without a user name",
            false => "only with a user name",
        });
    state.into_iter().chain(anonymous).collect()
}

/// Lines to try, for the first open listener that speaks plain MQTT.
fn examples(access: &Access, login: Option<&Login>) -> Option<(&'static str, Vec<String>)> {
    let is_open = |socket: &&Socket| {
        socket.listener.protocol == Protocol::Mqtt
            && socket.obstacle.is_none()
            && socket.listener.tls.as_ref().is_none_or(is_simple)
    };
    let socket = access.sockets.iter().find(is_open)?;
    let host = socket.hosts(&access.host).into_iter().next()?;
    let user = login
        .map(|login| &login.username)
        .or(access.example.as_ref());
    let anonymous = socket.listener.allow_anonymous;
    if user.is_none() && !anonymous.unwrap_or(access.allow_anonymous) {
        return None;
    }
    let who = user.map_or_else(String::new, |user| {
        let password = login.map_or("PASSWORD", |login| &login.password);
        format!(" -u {} -P {}", quoted(user), quoted(password))
    });
    // The clients take an IPv6 address without the brackets of a URL.
    let authority = match &socket.listener.tls {
        Some(_) => " --cafile ca.crt",
        None => "",
    };
    let to = format!(
        "-h {} -p {}{authority}{who}",
        host.trim_matches(['[', ']']),
        socket.listener.port
    );
    let mut lines = vec![
        format!("mosquitto_sub {to} -t '#' -v"),
        format!("mosquitto_pub {to} -t test -m hello"),
    ];
    if let (Some(user), None) = (user, login) {
        lines.push(format!("with the password of {user} in place of PASSWORD"));
    }
    Some(("TRY IT", lines))
}

/// Whether a client needs nothing for it but this device's ca.crt.
fn is_simple(tls: &Tls) -> bool {
    let clients = tls.clients.as_ref();
    tls.certificate == Certificate::Device && !clients.is_some_and(|clients| clients.required)
}

fn steps(report: &Report) -> Vec<String> {
    report
        .steps
        .iter()
        .map(|(step, result)| format!("{step}: {}", outcome(result)))
        .collect()
}

fn footer(report: &Report) -> String {
    let unset = if report.moment.is_credible() {
        ""
    } else {
        " (clock not yet set)"
    };
    format!(
        "\nWritten {}{unset} by broker-provision {}.\n",
        report.moment,
        env!("CARGO_PKG_VERSION")
    )
}

/// What it means that settings and messages cannot be reached, and what the person can do.
const UNREACHED: [&str; 4] = [
    "The broker does not start and nothing was changed, so that this device does not take itself for a new one.",
    "Start it again. If this stays, look whether the line overlayroot in cmdline.txt is meant, repair the card's third partition on",
    "a computer with Linux (e2fsck -f), or write the image onto a card anew: that loses the messages, and passwords of which",
    "broker.toml has only `0` have to be written again.",
];

/// The text as one word of a shell.
pub fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.@/".contains(&byte);
    match !text.is_empty() && text.bytes().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_is_one_word_for_the_shell() {
        let cases = [
            ("mqtt", "mqtt"),
            ("", "''"),
            ("my user", "'my user'"),
            ("a'b", r"'a'\''b'"),
            ("$(id)", "'$(id)'"),
        ];
        for (text, expected) in cases {
            assert_eq!(quoted(text), expected);
        }
    }
}
