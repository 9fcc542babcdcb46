// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How much memory clients may make the broker hold on this machine, unless `memory_limit` says it.

use std::fs;
use std::path::{Path, PathBuf};

/// 60 % of the machine's memory, or of the service's `MemoryMax` where that is less; bytes.
pub fn budget() -> usize {
    let machine = read(Path::new("/proc/meminfo")).and_then(|text| total(&text));
    let service = read(Path::new("/proc/self/cgroup")).and_then(|text| ceiling(&text));
    let most = machine.into_iter().chain(service).min();
    let budget = most.unwrap_or(FALLBACK) / 100 * PERCENT;
    usize::try_from(budget).unwrap_or(usize::MAX)
}

/// The `MemTotal` of /proc/meminfo, in bytes.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The least `memory.max` of the control group that /proc/self/cgroup names and of those it is part of, in bytes.
fn ceiling(cgroup: &str) -> Option<u64> {
    let name = cgroup.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let folder = PathBuf::from(CGROUPS).join(name);
    let folders = folder
        .ancestors()
        .take_while(|folder| folder.starts_with(CGROUPS));
    folders
        .filter_map(|folder| read(&folder.join("memory.max"))?.trim().parse().ok())
        .min()
}

/// What the file holds, if it is there.
fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

const CGROUPS: &str = "/sys/fs/cgroup";
const PERCENT: u64 = 60;
/// For a machine that tells nothing: the smallest Pi.
const FALLBACK: u64 = 512 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_as_the_kernel_writes_it() {
        let cases = [
            (
                "MemTotal:         948280 kB\nMemFree:          120000 kB\n",
                Some(971_038_720),
            ),
            ("MemFree: 1 kB\nMemTotal: 1 kB\n", Some(1_024)),
            ("MemTotal: many\n", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(total(text), expected, "{text}");
        }
    }

    #[test]
    fn the_budget_of_this_machine_is_more_than_a_megabyte_and_less_than_all_of_it() {
        let machine = total(&read(Path::new("/proc/meminfo")).unwrap()).unwrap();
        assert!((1_000_000..machine).contains(&(budget() as u64)));
    }
}
