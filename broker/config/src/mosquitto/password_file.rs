// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `password_file`: a user name, `:` and a hash on each line, as mosquitto_passwd writes it.

use std::collections::HashMap;

use super::{LineFault, LineProblem, lines, verdict};
use crate::{Credential, InvalidHash, LoginMethod, PasswordHash, User, UserAccess};

/// Reads a password_file with hashes `$6$`, `$7$` and `$argon2id$`, or tells every line that is wrong.
pub fn password_file(bytes: &[u8]) -> Result<Vec<User>, Vec<LineProblem>> {
    let (mut users, mut problems) = (Vec::new(), Vec::new());
    let mut first_lines = HashMap::new();
    for (line, text) in lines(bytes)? {
        match user(line, text, &mut first_lines) {
            Ok(user) => users.push(user),
            Err(fault) => problems.push(LineProblem { line, fault }),
        }
    }
    verdict(users, problems)
}

fn user<'a>(
    line: u32,
    text: &'a str,
    first_lines: &mut HashMap<&'a str, u32>,
) -> Result<User, LineFault> {
    let (name, hash) = text.split_once(':').ok_or(LineFault::NoColon)?;
    if !User::may_be_called(name) {
        return Err(LineFault::Username);
    }
    let first_line = *first_lines.entry(name).or_insert(line);
    if first_line != line {
        return Err(LineFault::UserTwice { first_line });
    }
    if hash.is_empty() {
        return Err(LineFault::NoHash);
    }
    let hash = PasswordHash::parse(hash).map_err(|fault| match fault {
        InvalidHash::Scheme => LineFault::Plain,
        fault => LineFault::Hash(fault),
    })?;
    if hash.method() != LoginMethod::Password {
        return Err(LineFault::Plain);
    }
    Ok(User {
        username: name.to_owned(),
        method: LoginMethod::Password,
        credential: Credential::Hash(hash),
        access: UserAccess::default(),
        line,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$6$YS1zYWx0LWZvci15$gwv7DkuSs7GYoMeCpANZS9MM2ihI1liwd+b94aMgMfUqy9OgPYuP2mdoiuiANcfdW4G7O2hxAiIfvUouL08xGA==";

    #[test]
    fn users_are_read_with_their_hashes() {
        let seven = HASH.replacen("$6$", "$7$101$", 1);
        let argon = "$argon2id$v=19$m=19456,t=2,p=1$DoLTyBBPCN2MeKyuq+g8Eg$6bITaGfG6YD82b1Z5ibCTqHfBeLCDG13DliL4P2LwM0";
        let text = format!("# users\nann:{HASH}\r\n\nbob:{seven}\ncarl b:{argon}\n");
        let users =
            password_file(text.as_bytes()).unwrap_or_else(|problems| panic!("{problems:?}"));
        let names: Vec<_> = users
            .iter()
            .map(|user| (&*user.username, user.line))
            .collect();
        assert_eq!(names, [("ann", 2), ("bob", 4), ("carl b", 5)]);
    }

    #[test]
    fn every_line_that_is_wrong_is_told() {
        let text = format!(
            "ann:{HASH}\nann:{HASH}\nplain:secret\nempty:\nnobody\na/b:{HASH}\n:{HASH}\nhalf:{}\nscram:SCRAM-SHA-256$x",
            &HASH[..40]
        );
        let problems = password_file(text.as_bytes()).err().unwrap_or_default();
        let faults: Vec<_> = problems.iter().map(|problem| problem.fault).collect();
        let expected = [
            LineFault::UserTwice { first_line: 1 },
            LineFault::Plain,
            LineFault::NoHash,
            LineFault::NoColon,
            LineFault::Username,
            LineFault::Username,
            LineFault::Hash(InvalidHash::Form),
            LineFault::Hash(InvalidHash::Form),
        ];
        assert_eq!(faults, expected);
        assert_eq!(problems[0].line, 2);
        let told: Vec<String> = problems.iter().map(LineProblem::to_string).collect();
        assert!(told.iter().all(|line| !line.contains("secret")), "{told:?}");
    }

    #[test]
    fn the_first_hundred_problems_are_listed() {
        let problems = password_file("x\n".repeat(250).as_bytes()).err();
        let problems = problems.unwrap_or_default();
        assert_eq!(problems.len(), 101);
        assert_eq!(problems[100].fault, LineFault::More { count: 150 });
    }
}
