// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The table of house rules, each with an example that breaks it.

use tests::source::{Source, project};

/// One rule.
pub struct Rule {
    pub name: &'static str,
    pub applies: fn(&Source) -> bool,
    /// What is wrong, each with its line where it has one.
    pub breaches: fn(&Source) -> Vec<String>,
    /// A path and a text that break the rule; `_LINES_` stands for 600 lines.
    pub bad_example: (&'static str, &'static str),
}

pub const RULES: &[Rule] = &[
    Rule {
        name: "a source begins with its licence",
        applies: |s| {
            s.is_rust() || s.is_python() || s.is_shell() || s.is_systemd() || s.path == "Makefile"
        },
        breaches: |s| match s.body().next() {
            Some(line) if line.trim_start_matches(['/', '#', ' ']) == LICENCE => vec![],
            _ => vec![format!("the first line is not `{LICENCE}`")],
        },
        bad_example: ("broker/src/main.rs", "//! Nothing.\n"),
    },
    Rule {
        name: "a module says what it owns in 1 to 12 lines",
        applies: Source::is_rust,
        breaches: |s| {
            let header = s.body().skip(1).skip_while(|line| line.trim().is_empty());
            match header.take_while(|line| line.starts_with("//!")).count() {
                1..=12 => vec![],
                lines => vec![format!("a header of {lines} lines")],
            }
        },
        bad_example: (
            "broker/src/main.rs",
            "// SPDX-License-Identifier: Apache-2.0 OR MIT\nfn main() {}\n",
        ),
    },
    Rule {
        name: "a program says what it is for",
        applies: |s| s.is_python() || s.is_shell(),
        breaches: |s| match s.body().nth(1) {
            Some(line)
                if line.starts_with("# ") || line.starts_with("\"\"\"") || line == "set -e" =>
            {
                vec![]
            }
            _ => vec!["no sentence after the licence".to_owned()],
        },
        bad_example: ("image/build", "#!/bin/sh\n# SPDX\n\necho\n"),
    },
    Rule {
        name: "a file is a noun",
        applies: |s| s.is_rust() || s.is_python(),
        breaches: |s| {
            let name = s.path.rsplit('/').next().unwrap_or_default();
            let vague = ["utils.", "util.", "types.", "helpers.", "common.", "misc."];
            if vague.iter().any(|word| name.starts_with(word)) {
                vec![format!("`{name}` says nothing")]
            } else {
                vec![]
            }
        },
        bad_example: ("broker/src/utils.rs", ""),
    },
    Rule {
        name: "a file is at most 500 lines",
        applies: |s| s.is_rust() || s.is_python(),
        breaches: |s| too_long(s, 500),
        bad_example: ("broker/src/main.rs", "_LINES_"),
    },
    Rule {
        name: "a shell script is under 50 lines; longer is Python",
        applies: Source::is_shell,
        breaches: |s| too_long(s, 49),
        bad_example: (".ci/run", "#!/bin/sh\n_LINES_"),
    },
    Rule {
        name: "a shell script stops at the first failure",
        applies: Source::is_shell,
        breaches: |s| {
            let mut found = lines_with(s, &[concat!("|| ", "true"), "|| :"]);
            if !s
                .text
                .lines()
                .any(|line| line.starts_with("set -e") || line.starts_with("#!/bin/bash -e"))
            {
                found.push("no `set -eu`".to_owned());
            }
            found
        },
        bad_example: (
            "image/build",
            concat!("#!/bin/sh\nset -eu\nrm x || ", "true\n"),
        ),
    },
    Rule {
        name: "nothing is left open",
        applies: |s| s.is_rust() || s.is_python() || s.is_shell() || s.is_systemd(),
        breaches: |s| {
            lines_with(
                s,
                &[
                    concat!("TO", "DO"),
                    concat!("FIX", "ME"),
                    concat!("to", "do!("),
                    concat!("unimpl", "emented!("),
                ],
            )
        },
        bad_example: ("broker/src/main.rs", concat!("// TO", "DO: later\n")),
    },
    Rule {
        name: "code is not kept in comments",
        applies: Source::is_rust,
        breaches: |s| {
            let code = |line: &str| {
                let Some(comment) = line.trim().strip_prefix("// ") else {
                    return false;
                };
                let begins = [
                    "let ", "if ", "for ", "match ", "pub ", "fn ", "use ", "return", "self.",
                    "assert",
                ];
                begins.iter().any(|word| comment.starts_with(word))
                    && comment.ends_with([';', '{', '}'])
            };
            s.lines()
                .filter(|(_, line)| code(line))
                .map(|(number, line)| format!("line {number}: {}", line.trim()))
                .collect()
        },
        bad_example: ("broker/src/main.rs", "    // let x = 1;\n"),
    },
    Rule {
        name: "a pure crate never panics",
        applies: Source::is_pure,
        breaches: |s| {
            let panics = [
                ".unwrap()",
                ".expect(",
                "panic!(",
                "unreachable!(",
                "unwrap_unchecked",
            ];
            let code = s
                .lines_before_tests()
                .filter(|(_, line)| !line.trim_start().starts_with("//"));
            code.filter(|(_, line)| panics.iter().any(|word| line.contains(word)))
                .map(|(number, line)| format!("line {number}: {}", line.trim()))
                .collect()
        },
        bad_example: (
            "broker/core/src/broker.rs",
            "fn f() { x.unwrap() }\n#[cfg(test)]\n",
        ),
    },
    Rule {
        name: "a secret cannot be printed",
        applies: |s| s.is_rust() && SECRETS.iter().any(|(path, _)| s.path == *path),
        breaches: printable_secrets,
        bad_example: (
            "broker/config/src/secret.rs",
            "#[derive(Clone, Debug)]\npub struct Secret(String);\n",
        ),
    },
    Rule {
        name: "the machine that builds leaves no trace",
        applies: |_| true,
        breaches: |s| {
            let here = format!("{}/", project().display());
            lines_with(
                s,
                &[here.as_str(), concat!("/ro", "ot/."), concat!("/ho", "me/")],
            )
        },
        bad_example: ("README.md", concat!("see /ro", "ot/.cargo\n")),
    },
];

const LICENCE: &str = "SPDX-License-Identifier: Apache-2.0 OR MIT";

/// Files and the types in them that hold a password, a hash or a key.
const SECRETS: &[(&str, &str)] = &[
    ("broker/config/src/secret.rs", "Secret"),
    ("broker/config/src/settings.rs", "Credential"),
    ("broker/config/src/settings.rs", "User"),
    ("broker/config/src/password.rs", "PasswordHash"),
    ("broker/config/src/scram.rs", "ScramVerifier"),
    ("broker/src/auth/fingerprint.rs", "FingerprintKey"),
    ("broker/src/auth/accounts.rs", "Accounts"),
    ("broker/src/auth/attempt.rs", "Attempts"),
    ("broker/src/auth/scram.rs", "Exchange"),
    ("provisioner/src/login.rs", "Login"),
    ("provisioner/src/certificates/authority.rs", "Authority"),
];

/// Types that hold a secret and derive or implement a way to print it, or are not there any more.
fn printable_secrets(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (_, name) in SECRETS.iter().filter(|(path, _)| *path == source.path) {
        let lines: Vec<_> = source.text.lines().collect();
        let is_definition = |line: &str| {
            let mut words = line.split([' ', '(', '{', '<', ';']);
            words.any(|word| word == "struct" || word == "enum") && words.next() == Some(name)
        };
        let Some(at) = lines.iter().position(|line| is_definition(line)) else {
            found.push(format!("`{name}` is not here any more"));
            continue;
        };
        let above = lines[..at].iter().rev();
        let mut attributes =
            above.take_while(|line| line.starts_with('#') || line.starts_with("//"));
        let derives = attributes.any(|line| line.contains("derive") && line.contains("Debug"));
        let implements = lines.iter().any(|line| {
            ["Debug", "Display"]
                .iter()
                .any(|way| line.contains(&format!("{way} for {name} ")))
        });
        if derives || implements {
            found.push(format!("`{name}` can be printed"));
        }
    }
    found
}

fn too_long(source: &Source, most: usize) -> Vec<String> {
    let lines = source.text.lines().count();
    if lines > most {
        vec![format!("{lines} lines")]
    } else {
        vec![]
    }
}

fn lines_with(source: &Source, words: &[&str]) -> Vec<String> {
    let breaks = |line: &str| words.iter().any(|word| line.contains(word));
    source
        .lines()
        .filter(|(_, line)| breaks(line))
        .map(|(number, line)| format!("line {number}: {}", line.trim()))
        .collect()
}
