# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The log is in memory; warnings of every unit are kept over a restart, in two files that stay small."""

import unittest

from container import Container, wait_for

RING = "var/log/mqtt-broker"
MOST = 512 * 1024
"""Bytes of a file."""


class Warnings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.container = Container()
        cls.addClassCleanup(cls.container.remove)
        cls.container.install()
        cls.container.boot_file("broker.toml").write_text("version = 1\n")
        cls.container.boot()
        cls.container.run("logger", "--priority", "user.info", "said at the first start")
        cls.container.run("systemd-run", "--wait", "--unit=faulty", "sh", "-c", "echo '<4>warned at the first start' >&2")
        wait_for(lambda: "warned at the first start" in cls.kept(), "the warning")
        cls.container.power_off()
        cls.container.boot()
        cls.container.run("logger", "--priority", "user.err", "failed at the second start")
        wait_for(lambda: "failed at the second start" in cls.kept(), "the error")

    @classmethod
    def kept(cls):
        files = [cls.container.root / RING / name for name in ("warnings.old", "warnings")]
        return "".join(file.read_text() for file in files if file.exists())

    def test_a_warning_is_there_at_the_next_start_and_the_rest_of_the_log_is_not(self):
        lines = [line for line in self.kept().splitlines() if "start" in line]
        self.assertRegex("\n".join(lines), r"T\d\d:\d\d:\d\d\S* \S+ \S+\[\d+\]: warned at the first start\n")
        self.assertNotIn("said at the first start", self.kept())
        self.assertNotIn("at the first start", self.container.run("journalctl", "--no-pager").stdout)

    def test_the_journal_writes_nothing_to_the_card(self):
        self.assertEqual([], [path for path in (self.container.root / "var/log/journal").rglob("*.journal*")])

    def test_only_root_reads_it(self):
        listing = self.container.run("stat", "--format", "%A %U:%G", f"/{RING}", f"/{RING}/warnings").stdout
        self.assertEqual("drwx------ root:root\n-rw------- root:root\n", listing)

    def test_started_again_it_goes_on_and_repeats_nothing(self):
        before = self.container.show("broker-warnings", "MainPID")
        self.container.run("systemctl", "kill", "--signal=KILL", "broker-warnings")
        wait_for(lambda: self.container.show("broker-warnings", "MainPID") not in ("0", before), "another process")
        wait_for(lambda: self.container.run("logger", "--priority", "user.warning", "after it was killed") and "after it was killed" in self.kept(), "the line")
        self.assertEqual(1, self.kept().count("failed at the second start"))

    def test_z_a_flood_stays_within_its_bound(self):
        flood = "i=0; while [ $i -lt 9000 ]; do echo \"<4>$i xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"; i=$((i + 1)); done"
        self.container.run("systemd-run", "--wait", "--unit=flood", "sh", "-c", f"({flood}) >&2")
        old = self.container.root / RING / "warnings.old"
        wait_for(old.exists, "a full file")
        sizes = [(self.container.root / RING / name).stat().st_size for name in ("warnings.old",)]
        self.assertLessEqual(max(sizes), MOST)
        self.assertGreater(sizes[0], 0.9 * MOST)
        # The next file waits, whatever comes.
        self.assertFalse((self.container.root / RING / "warnings").exists())
        self.assertEqual("active", self.container.show("broker-warnings", "ActiveState"))


if __name__ == "__main__":
    unittest.main()
