// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The register's rows as written in one file per version: identifier, sentence, verdict.

use std::fmt;

/// What is true of one normative statement.
pub struct Row {
    pub id: Id,
    pub statement: String,
    pub verdict: Verdict,
    /// Tests that prove the verdict.
    pub tests: Vec<Proof>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// Obeyed; or it binds clients, and what becomes of one that breaks it is shown.
    Tested,
    /// Binds clients, and the broker cannot see whether they obey.
    Client,
    /// Speaks of something this broker does not have or do.
    NotApplicable,
    /// Not obeyed, or not in every case.
    Deviation,
}

impl Verdict {
    /// Every verdict with the word that stands for it.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Tested, "tested"),
        (Self::Client, "client"),
        (Self::NotApplicable, "n/a"),
        (Self::Deviation, "deviation"),
    ];
}

/// A test by its file and function.
pub struct Proof {
    pub path: String,
    pub function: String,
}

/// An identifier such as `MQTT-3.1.2-22`, ordered by its four numbers; 3.1.1 has two with other separators.
#[derive(Clone, PartialEq, Eq)]
pub struct Id {
    text: String,
    pub numbers: Vec<u32>,
}

impl Id {
    /// None where `text` is no identifier.
    pub fn new(text: &str) -> Option<Self> {
        let numbers = text.strip_prefix("MQTT-")?.split(['.', '-']);
        let numbers: Vec<u32> = numbers
            .map(|number| number.parse().ok())
            .collect::<Option<_>>()?;
        (numbers.len() == 4).then(|| Self {
            text: text.to_owned(),
            numbers,
        })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn chapter(&self) -> u32 {
        self.numbers[0]
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The rows of a register, or what is wrong with its first line that is none; lines with `#` are remarks.
pub fn parse(text: &str) -> Result<Vec<Row>, String> {
    let rows = text.lines().enumerate();
    rows.filter(|(_, line)| !line.starts_with('#'))
        .map(|(index, line)| row(line).map_err(|wrong| format!("line {}: {wrong}", index + 1)))
        .collect()
}

fn row(line: &str) -> Result<Row, String> {
    let columns: Vec<_> = line.split('\t').collect();
    let [id, statement, verdict] = columns[..] else {
        return Err(format!("{} columns and not 3", columns.len()));
    };
    let id = Id::new(id).ok_or_else(|| format!("`{id}` is no identifier"))?;
    let (word, rest) = verdict.split_once(' ').unwrap_or((verdict, ""));
    let (verdict, _) = Verdict::ALL
        .into_iter()
        .find(|(_, name)| *name == word)
        .ok_or_else(|| format!("`{word}` is no verdict"))?;
    let (tests, words): (Vec<_>, Vec<_>) = rest
        .split_whitespace()
        .partition(|word| word.contains(".rs::"));
    let tests: Vec<_> = tests.into_iter().filter_map(proof).collect();
    if statement.is_empty() || !statement.ends_with('.') {
        return Err("the statement is no sentence".to_owned());
    }
    if (verdict == Verdict::Tested) != words.is_empty() {
        return Err("a verdict gives a reason in words, or is `tested` and needs none".to_owned());
    }
    if verdict == Verdict::Tested && tests.is_empty() {
        return Err("tested by nothing".to_owned());
    }
    Ok(Row {
        id,
        statement: statement.to_owned(),
        verdict,
        tests,
    })
}

fn proof(word: &str) -> Option<Proof> {
    let (path, function) = word.split_once("::")?;
    Some(Proof {
        path: path.to_owned(),
        function: function.to_owned(),
    })
}
