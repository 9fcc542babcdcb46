// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Any byte of a valid file changed to another value: it is refused, or it does not open more than before. (R2)
//!
//! What is opened is compared without the names in it: a flip inside of a user name, password, hash, group, topic, address,
//! port or file name makes another valid name, which is another wish and not a wider one, and so does a flip inside of a number.
//! So [`wider`] compares, listener by listener and user by user in the order of the file, what each may, and where the topics of
//! two entries are written differently, only the rights of the entries. A file with more users, groups or listeners is wider.
//!
//! Two kinds of flips are counted and not judged, because the file they make is one that says something else in plain words.
//! One turns the rest of a line into a remark, or a line below a remark into a part of it: the file then says what it would with
//! the line taken out, and a user without the line `acl` may everything. The other changes the filter of an entry, where a letter
//! may become a wildcard.
#![allow(clippy::disallowed_methods, reason = "fixtures are files")]

use std::path::Path;

use broker_config::{
    AclEntry, AclRight, BindAddress, BrokerSettings, Listener, SocketDomain, Tls, User, read,
};

/// Values that a byte is changed to, besides those with one of its bits changed.
const SIGNS: &[u8] = b"#\"\n =0";

#[test]
fn no_changed_byte_opens_a_valid_file_wider() {
    let (mut refused, mut accepted, mut remarks, mut topics) = (0, 0, 0, 0);
    for (name, text) in files() {
        let before = read(text.as_bytes()).verdict;
        let before = before
            .unwrap_or_else(|_| panic!("{name} is not valid"))
            .broker;
        for (at, byte, value) in flips(text.as_bytes()) {
            let mut flipped = text.clone().into_bytes();
            flipped[at] = value;
            let Ok(after) = read(&flipped).verdict else {
                refused += 1;
                continue;
            };
            if makes_remark(&text, at, byte, value) {
                remarks += 1;
            } else if is_filter(&text, at) {
                topics += 1;
            } else {
                accepted += 1;
                let wider = wider(&before, &after.broker);
                let line = 1 + text[..at].matches('\n').count();
                let shown = String::from_utf8_lossy(&[byte, b'>', value]).into_owned();
                assert_eq!(wider, None, "{name}, line {line}, byte {at}: {shown:?}");
            }
        }
    }
    let counts = format!(
        "{refused} refused, {accepted} not wider; not judged {remarks} remarks, {topics} topics"
    );
    assert!(refused > 2 * accepted && accepted > 1_000, "{counts}");
    assert!(remarks + topics < accepted, "{counts}");
}

/// Valid files with everything that opens something.
fn files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/config");
    let fixtures = ["valid-rights", "valid-tls", "valid-acl-file"].map(|name| {
        let text = std::fs::read_to_string(folder.join(name).with_extension("toml"));
        (name.to_owned(), text.unwrap())
    });
    let generated = read(fixtures[0].1.replace("password = ", HASHED).as_bytes()).verdict;
    let generated = generated
        .ok()
        .and_then(|settings| settings.broker.to_toml().ok());
    let own = [
        ("by hand".to_owned(), OWN.to_owned()),
        ("the daemon's file".to_owned(), generated.unwrap()),
    ];
    fixtures.into_iter().chain(own).collect()
}

const HASHED: &str = "password_hash = \"$6$YS1zYWx0LWZvci15$gwv7DkuSs7GYoMeCpANZS9MM2ihI1liwd+b94aMgMfUqy9OgPYuP2mdoiuiANcfdW4G7O2hxAiIfvUouL08xGA==\" # ";

const OWN: &str = "version = 1
[broker]
allow_anonymous = false
anonymous_acl = []
[[user]]
username = \"ann\"
password = \"blue-Kettle-7\"
acl = [
  \"deny plant/payroll/#\",
  'read plant/+/state',
  \"write x\",
]
[[user]]
username = 'bob'
password = 0
groups = ['readers', \"writers\"]
acl = []
[[group]]
name = \"readers\"
acl = [\"read #\"]
[[group]]
name = 'writers'
acl = [\"write a\", \"deny a\"]
[[listener]]
port = 1883
bind_address = \"127.0.0.1\"
allow_anonymous = false
max_connections = 9
[[listener]]
socket = \"/run/broker/mqtt.sock\"
allow_anonymous = true
";

/// Place, value, and other value.
fn flips(text: &[u8]) -> impl Iterator<Item = (usize, u8, u8)> {
    text.iter().enumerate().flat_map(|(at, byte)| {
        let bits = (0..8).map(move |bit| byte ^ 1 << bit);
        let others = bits.chain(SIGNS.iter().copied());
        others
            .filter(move |value| value != byte)
            .map(move |value| (at, *byte, value))
    })
}

/// Whether a line, or its end, is a remark now and was none before.
fn makes_remark(text: &str, at: usize, byte: u8, value: u8) -> bool {
    let line = text[..at].rsplit('\n').next().unwrap_or_default();
    value == b'#' || byte == b'\n' && line.contains('#')
}

/// Whether the place is in the filter of an entry: between a right and the quote that ends it.
fn is_filter(text: &str, at: usize) -> bool {
    let line = text[..at].rsplit('\n').next().unwrap_or_default();
    let string = line.rsplit(['"', '\'']).next().unwrap_or_default();
    let rights = ["read ", "write ", "readwrite ", "deny "];
    rights.iter().any(|right| string.starts_with(right))
}

/// What `after` opens that `before` does not.
fn wider(before: &BrokerSettings, after: &BrokerSettings) -> Option<&'static str> {
    let listeners = before.listeners.iter().zip(&after.listeners);
    let users = before.users.iter().zip(&after.users);
    let files = [
        (&before.access.acl_file, &after.access.acl_file),
        (&before.access.password_file, &after.access.password_file),
    ];
    let anonymous = (&before.access.anonymous_acl, &after.access.anonymous_acl);
    None.or((after.listeners.len() > before.listeners.len()).then_some("more listeners"))
        .or((after.users.len() > before.users.len()).then_some("more users"))
        .or(files
            .iter()
            .any(|(b, a)| b.is_some() != a.is_some())
            .then_some("another file"))
        .or(wider_list(anonymous.0.as_deref(), anonymous.1.as_deref()).then_some("anonymous_acl"))
        .or_else(|| {
            let mut listeners = listeners;
            listeners.find_map(|(b, a)| wider_listener((before, b), (after, a)))
        })
        .or_else(|| {
            let mut users = users;
            users.find_map(|(b, a)| wider_user((before, b), (after, a)))
        })
}

fn wider_listener(
    (before, b): (&BrokerSettings, &Listener),
    (after, a): (&BrokerSettings, &Listener),
) -> Option<&'static str> {
    let required = |tls: &Tls| tls.clients.as_ref().is_some_and(|clients| clients.required);
    let revoking = |tls: &Tls| {
        let clients = tls.clients.as_ref();
        clients.is_some_and(|clients| clients.crlfile.is_some())
    };
    let without = |is: &dyn Fn(&Tls) -> bool| {
        let is = |listener: &Listener| listener.tls.as_ref().is_some_and(is);
        is(b) && !is(a)
    };
    let anonymous = after.allows_anonymous(a) && !before.allows_anonymous(b);
    let anywhere = a.bind_address == BindAddress::Any && b.bind_address != BindAddress::Any;
    let everywhere = a.interface.is_none() && b.interface.is_some();
    let both = a.socket_domain == SocketDomain::Both && b.socket_domain != SocketDomain::Both;
    let unbounded = a.max_connections.is_none() && b.max_connections.is_some();
    anonymous
        .then_some("a listener lets anonymous clients in")
        .or((anywhere || everywhere || both).then_some("a listener is on more addresses"))
        .or((a.socket.is_none() && b.socket.is_some()).then_some("a socket became a port"))
        .or(unbounded.then_some("a listener has no bound"))
        .or(without(&|_| true).then_some("a listener lost TLS"))
        .or(without(&required).then_some("a listener lost client certificates"))
        .or(without(&revoking).then_some("a listener lost its list of revoked ones"))
}

fn wider_user(
    (before, b): (&BrokerSettings, &User),
    (after, a): (&BrokerSettings, &User),
) -> Option<&'static str> {
    let (b, a) = (entries(before, b), entries(after, a));
    wider_list(b.as_deref(), a.as_deref()).then_some("a user may more")
}

/// All entries of a user, none where it may everything.
fn entries(settings: &BrokerSettings, user: &User) -> Option<Vec<AclEntry>> {
    let groups = user.access.groups.iter().flatten().flat_map(|name| {
        let groups = settings.access.groups.iter();
        groups.filter(move |group| group.name == *name)
    });
    let own = user.access.acl.iter().flatten();
    let all = own.chain(groups.flat_map(|group| &group.acl)).cloned();
    user.access.is_listed().then(|| all.collect())
}

/// Whether entries are missing that take, or there are others that give more.
fn wider_list(before: Option<&[AclEntry]>, after: Option<&[AclEntry]>) -> bool {
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => (before, after),
        (before, after) => return before.is_some() && after.is_none(),
    };
    let count = |entries: &[AclEntry], right: AclRight| {
        entries.iter().filter(|entry| entry.right == right).count()
    };
    let gives =
        |entries: &[AclEntry], right| count(entries, right) + count(entries, AclRight::ReadWrite);
    count(after, AclRight::Deny) < count(before, AclRight::Deny)
        || gives(after, AclRight::Read) > gives(before, AclRight::Read)
        || gives(after, AclRight::Write) > gives(before, AclRight::Write)
}
