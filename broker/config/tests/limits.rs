// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Files at and beyond the limits, and files made to do harm: each gets a verdict, none a crash.

use broker_config::{Fault, Hint, read};

fn faults(text: &str) -> Vec<Fault> {
    match read(text.as_bytes()).verdict {
        Ok(_) => Vec::new(),
        Err(problems) => problems.into_iter().map(|problem| problem.fault).collect(),
    }
}

fn with_users(count: usize) -> String {
    let user = |number| format!("[[user]]\nusername = \"u{number}\"\npassword = \"x\"\n");
    format!("version = 1\n{}", (0..count).map(user).collect::<String>())
}

fn with_listeners(count: usize) -> String {
    let listener = |number| format!("[[listener]]\nport = {}\n", 2000 + number);
    format!(
        "version = 1\n{}",
        (0..count).map(listener).collect::<String>()
    )
}

#[test]
fn a_thousand_users_fit_and_one_more_does_not() {
    assert_eq!(faults(&with_users(1000)), []);
    assert_eq!(faults(&with_users(1001)), [Fault::TooManyUsers]);
}

#[test]
fn a_thousand_groups_and_a_thousand_entries_fit_and_one_more_does_not() {
    let codes =
        |text: &str| -> Vec<&str> { faults(text).iter().map(|fault| fault.code()).collect() };
    let group = |number| format!("[[group]]\nname = \"{number}\"\nacl = []\n");
    let with_groups =
        |count: usize| format!("version = 1\n{}", (0..count).map(group).collect::<String>());
    assert!(codes(&with_groups(1000)).is_empty());
    assert_eq!(codes(&with_groups(1001)), ["too-many-groups"]);
    let with_entries = |count| {
        format!(
            "version = 1\n[broker]\nanonymous_acl = [{}]\n",
            "\"read a\",".repeat(count)
        )
    };
    assert!(codes(&with_entries(1000)).is_empty());
    assert_eq!(codes(&with_entries(1001)), ["too-many-entries"]);
}

#[test]
fn sixty_four_listeners_fit_and_one_more_does_not() {
    assert_eq!(faults(&with_listeners(64)), []);
    assert_eq!(faults(&with_listeners(65)), [Fault::TooManyListeners]);
}

#[test]
fn one_mebibyte_fits_and_one_byte_more_does_not() {
    let padded = |length: usize| format!("version = 1\n#{}\n", "x".repeat(length - 14));
    assert_eq!(padded(20).len(), 20);
    assert_eq!(faults(&padded(1024 * 1024)), []);
    assert_eq!(faults(&padded(1024 * 1024 + 1)), [Fault::TooBig]);
}

#[test]
fn names_and_passwords_have_up_to_128_bytes() {
    let user = |name: usize, password: usize| {
        let (name, password) = ("u".repeat(name), "p".repeat(password));
        format!("version = 1\n[[user]]\nusername = \"{name}\"\npassword = \"{password}\"\n")
    };
    assert_eq!(faults(&user(128, 128)), []);
    assert_eq!(faults(&user(129, 128)), [Fault::UsernameLength]);
    assert_eq!(faults(&user(128, 129)), [Fault::PasswordLength]);
}

#[test]
fn brackets_and_dotted_names_together_nest_64_deep() {
    let nested = |brackets: usize, dots: usize| {
        format!(
            "x = {}1{}",
            format!("{{{}a = ", "a.".repeat(dots)).repeat(brackets),
            "}".repeat(brackets)
        )
    };
    let too_deep = |text: String| faults(&text).contains(&Fault::TooDeep);
    assert!(!too_deep(nested(64, 0)));
    assert!(too_deep(nested(65, 0)));
    assert!(!too_deep(nested(8, 7)));
    assert!(too_deep(nested(8, 8)));
    assert!(!too_deep(nested(1, 63).repeat(3).replace("x =", "\nx =")));
}

#[test]
fn a_user_name_has_no_sign_that_means_something_in_a_topic() {
    for sign in ["+", "#", "/", "\\u0000", "\\u001B", "\\u007F", "\\u0085"] {
        let text = format!("version = 1\n[[user]]\nusername = \"a{sign}b\"\npassword = \"x\"\n");
        assert_eq!(faults(&text), [Fault::UsernameCharacter], "{sign}");
    }
}

#[test]
fn nesting_of_any_kind_is_refused_before_it_can_exhaust_the_stack() {
    let deep = 300_000;
    let cases = [
        format!("version = {}", "[".repeat(deep)),
        format!("version = {}", "{a=".repeat(deep)),
        format!("version = {}1", "[{a=".repeat(deep / 2)),
        format!("{}a = 1", "a.".repeat(deep)),
        format!("[{}a]", "a.".repeat(deep)),
        format!("[[{}a]]", "a . ".repeat(deep / 2)),
        format!("x = {{ {}a = 1 }}", "'a'.".repeat(deep / 2)),
        format!("x = {{ {}a = 1 }}", "a.\n".repeat(deep / 2)),
        format!("x = {}", format!("{{{}a=", "a.".repeat(60)).repeat(60)),
        format!("x = {}", format!("{{{}a=]", "a.".repeat(60)).repeat(60)),
        format!("x = {}", format!("{{{}a=[1,", "a.".repeat(60)).repeat(30)),
    ];
    for text in cases {
        let start: String = text.chars().take(12).collect();
        assert!(!faults(&text).is_empty(), "{start}");
    }
}

#[test]
fn a_hundred_problems_are_listed_and_the_rest_counted() {
    let text = format!("version = 1\n{}", "a\n".repeat(150));
    let problems = read(text.as_bytes()).verdict.err().unwrap_or_default();
    assert_eq!(problems.len(), 101);
    assert_eq!(
        problems.last().map(|last| last.fault),
        Some(Fault::More { count: 50 })
    );
}

#[test]
fn problems_come_in_the_order_of_the_file() {
    let text = "version = 1\n[[listener]]\nport = 0\n[broker]\nallow_anonymous\n[system]\nhostname = \"\"\nx = 1\n";
    let problems = read(text.as_bytes()).verdict.err().unwrap_or_default();
    let lines: Vec<u32> = problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [3, 5, 7, 8]);
}

#[test]
fn a_very_long_key_is_neither_compared_nor_shown_whole() {
    let text = format!("version = 1\n{} = 1\n", "k".repeat(500_000));
    let problems = read(text.as_bytes()).verdict.err().unwrap_or_default();
    let problem = problems
        .first()
        .map(|problem| (problem.key.as_ref().map(String::len), problem.hint));
    let table = broker_config::Table::Top;
    assert_eq!(
        problem,
        Some((Some(64 + '…'.len_utf8()), Hint::KeysOf(table)))
    );
}

#[test]
fn every_beginning_of_a_file_gets_a_verdict() {
    let text = "version = 1\nuser = [{ username = 'a', password = \"\"\"b\"\"\" }]\n[[listener]]\nport = 0x7\n";
    for end in 0..text.len() {
        let reading = read(&text.as_bytes()[..end]);
        assert!(
            reading.secrets.iter().all(|secret| secret.range.end <= end),
            "{end}"
        );
    }
}

#[test]
fn any_mixture_of_signs_gets_a_verdict() {
    let signs = [
        "[",
        "[",
        "[[",
        "]",
        "]]",
        "{",
        "{",
        "}",
        "a.",
        ".",
        ",",
        "=",
        "= ",
        "a",
        "\n",
        " ",
        "\"",
        "'",
        "\"\"\"",
        "'''",
        "#",
        "\\u",
        "1",
        "0x",
        "-",
        "2026-01-01",
        "true",
        "password = \"x\"\n",
        "[[user]]\n",
        "port = ",
        "\r",
        "ü",
        "\t",
        "version = 1\n",
        "[broker]\n",
        "[[listener]]\n",
    ];
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    for _ in 0..2000 {
        let mut text = String::new();
        for _ in 0..400 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            text.push_str(signs[(state >> 33) as usize % signs.len()]);
        }
        assert!(read(text.as_bytes()).verdict.is_err(), "{text}");
    }
}

#[test]
fn no_flipped_bit_lets_anonymous_clients_in() {
    let text = b"version = 1\n[broker]\nallow_anonymous = false\n[[user]]\nusername = \"a\"\npassword = \"b\"\n";
    assert!(read(text).verdict.is_ok());
    for byte in 0..text.len() {
        for bit in 0..8 {
            let mut damaged = text.to_vec();
            damaged[byte] ^= 1 << bit;
            let open = read(&damaged)
                .verdict
                .is_ok_and(|settings| settings.broker.allow_anonymous);
            assert!(!open, "bit {bit} of byte {byte}");
        }
    }
}
