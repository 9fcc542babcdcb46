// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `/etc/hosts`, in which Debian gives a machine's own name the address 127.0.1.1; nothing else of the file is touched.

use crate::provision::World;

/// The file; empty if there is none, `None` if it cannot be read or is longer than 1 MiB.
pub fn see(world: &World) -> Option<Vec<u8>> {
    let read = world.files.read(&world.places.hosts, LIMIT + 1);
    let contents = read.ok()?.unwrap_or_default();
    (contents.len() as u64 <= LIMIT).then_some(contents)
}

/// The file with this name; `None` if a line for the address holds it already.
///
/// The first such line keeps its white space, its remark and its end, and gives up its other names.
pub fn naming(hosts: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut start = 0;
    let mut first = None;
    for line in hosts.split_inclusive(|&byte| byte == b'\n') {
        if let Some(names) = Names::of(line) {
            if names.hold(line, name) {
                return None;
            }
            first = first.or(Some((start + names.start, start + names.end)));
        }
        start += line.len();
    }
    let (start, end, insert) = match first {
        Some((start, end)) => (start, end, name.to_owned()),
        None => {
            let is_whole = hosts.last().is_none_or(|&byte| byte == b'\n');
            let before = if is_whole { "" } else { "\n" };
            let line = format!("{before}{ADDRESS}\t{name}\n");
            (hosts.len(), hosts.len(), line)
        }
    };
    Some([&hosts[..start], insert.as_bytes(), &hosts[end..]].concat())
}

/// Where in a line the names of the address stand.
struct Names {
    start: usize,
    end: usize,
}

impl Names {
    /// `None` if the line is about something else.
    fn of(line: &[u8]) -> Option<Self> {
        let length = line.iter().position(|&byte| byte == b'#');
        let said = &line[..length.unwrap_or(line.len())];
        let indent = said.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let names = said[indent..].strip_prefix(ADDRESS.as_bytes())?;
        let space = names.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let end = indent + said[indent..].trim_ascii_end().len();
        let start = indent + ADDRESS.len() + space;
        (space > 0).then_some(Self { start, end })
    }

    fn hold(&self, line: &[u8], name: &str) -> bool {
        let mut names = line[self.start..self.end].split(u8::is_ascii_whitespace);
        names.any(|known| known.eq_ignore_ascii_case(name.as_bytes()))
    }
}

/// Of the machine itself, apart from `localhost`.
const ADDRESS: &str = "127.0.1.1";
/// Bytes of a file that is not suspected of being something else.
const LIMIT: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_follows_the_name_and_every_other_byte_stays() {
        let debian = "127.0.0.1\tlocalhost\n127.0.1.1\t\traspberrypi\n\n# IPv6\n::1 localhost\n";
        let renamed = debian.replace("raspberrypi", "plant-2");
        let cases = [
            (debian, Some(renamed.as_str())),
            (&renamed, None),
            ("", Some("127.0.1.1\tplant-2\n")),
            (
                "127.0.0.1 localhost\n",
                Some("127.0.0.1 localhost\n127.0.1.1\tplant-2\n"),
            ),
            (
                "127.0.0.1 localhost",
                Some("127.0.0.1 localhost\n127.0.1.1\tplant-2\n"),
            ),
            (
                "127.0.1.1 pi.example.org pi # mine\r\n::1 x",
                Some("127.0.1.1 plant-2 # mine\r\n::1 x"),
            ),
            ("127.0.1.1 plant-2.example.org Plant-2\n", None),
            ("127.0.1.1 pi\n127.0.1.1 plant-2\n", None),
            (
                " \t127.0.1.1 pi\n127.0.1.1 other\n",
                Some(" \t127.0.1.1 plant-2\n127.0.1.1 other\n"),
            ),
            (
                "#127.0.1.1 plant-2\n127.0.1.10 plant-2\n127.0.1.1\n127.0.1.1 # plant-2\n",
                Some(
                    "#127.0.1.1 plant-2\n127.0.1.10 plant-2\n127.0.1.1\n127.0.1.1 # plant-2\n127.0.1.1\tplant-2\n",
                ),
            ),
        ];
        for (hosts, expected) in cases {
            let found = naming(hosts.as_bytes(), "plant-2");
            let found = found.map(|bytes| String::from_utf8(bytes).unwrap());
            assert_eq!(found.as_deref(), expected, "{hosts:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_stay_too_and_a_second_look_changes_nothing() {
        let hosts = b"\xff\xfe \x00\n127.0.1.1\tpi\xe9\n\xff";
        let named = naming(hosts, "plant-2").unwrap();
        assert_eq!(named, b"\xff\xfe \x00\n127.0.1.1\tplant-2\n\xff");
        assert_eq!(naming(&named, "plant-2"), None);
    }
}
