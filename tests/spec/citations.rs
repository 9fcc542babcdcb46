// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Where the sources cite normative statements, and whether a test is where the register says.

use std::collections::BTreeMap;

use tests::source::{Source, sources};

use crate::register::{Id, Proof};

/// The project's Rust files by their path.
pub struct Sources(BTreeMap<String, Source>);

impl Sources {
    pub fn read() -> Self {
        let rust = sources().into_iter().filter(Source::is_rust);
        Self(rust.map(|source| (source.path.clone(), source)).collect())
    }

    /// Path, line and identifier of everything between brackets that begins as identifiers do.
    pub fn citations(&self) -> impl Iterator<Item = (&str, usize, &str)> {
        self.0.values().flat_map(|source| {
            source.lines().flat_map(move |(number, line)| {
                let cited = line.split("[MQTT-").skip(1);
                let ends = cited.filter_map(|rest| rest.find(']').map(|end| &rest[..end]));
                ends.map(move |id| (source.path.as_str(), number, id))
            })
        })
    }

    /// Whether the product's own code cites this statement.
    pub fn obeys(&self, id: &Id) -> bool {
        let citation = format!("[{}]", id.as_str());
        let product = |path: &str| path.starts_with("broker/") && !path.contains("tests");
        let mut code = self.0.values().filter(|source| product(&source.path));
        code.any(|source| source.text.contains(&citation))
    }

    /// What is wrong with a proof of this statement; none if nothing is.
    pub fn fault(&self, id: &Id, proof: &Proof) -> Option<String> {
        let Proof { path, function } = proof;
        let Some(source) = self.0.get(path) else {
            return Some(format!("{id}: there is no file {path}"));
        };
        let begin = format!("#[test]\nfn {function}() {{");
        let flat: String = source
            .lines()
            .map(|(_, line)| line.trim())
            .fold(String::with_capacity(source.text.len()), |text, line| {
                text + line + "\n"
            });
        if !flat.contains(&begin) {
            return Some(format!("{id}: there is no test {function} in {path}"));
        }
        let citation = format!("[{}]", id.as_str());
        let mut places = std::iter::once(source).chain(self.tables_of(source));
        let cited = places.any(|place| place.text.contains(&citation));
        (!cited).then(|| format!("{id}: {path} does not cite it beside {function}"))
    }

    /// The files whose cases a test runs.
    fn tables_of(&self, test: &Source) -> impl Iterator<Item = &Source> {
        let used = test.text.contains("use tests::malformed::");
        let tables = self
            .0
            .values()
            .filter(|file| file.path.starts_with("tests/src/malformed/"));
        tables.filter(move |_| used)
    }
}
