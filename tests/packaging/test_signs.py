# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What the device shows to somebody in front of it: the screen above the login prompt."""

import unittest

from container import Container, wait_for

READ_BY_AGETTY = ("script", "--quiet", "--command", "agetty --show-issue", "/dev/null")
"""agetty wants a terminal."""


class Screen(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.container = Container()
        cls.addClassCleanup(cls.container.remove)
        cls.container.install()
        cls.container.boot_file("broker.toml").write_text("version = 1\n")
        cls.container.boot()

    def shown(self):
        return self.container.run(*READ_BY_AGETTY).stdout

    def test_agetty_shows_the_report_and_not_the_login(self):
        shown = self.shown()
        self.assertIn("MQTT broker: APPLIED", shown)
        self.assertIn(":1883", shown)
        self.assertNotIn(self.container.report()["login"]["password"], shown)

    def test_what_agetty_shows_is_what_was_written_also_with_backslashes(self):
        card = self.container.boot_file("broker.toml")
        before = card.read_text()
        card.write_text(before + '"back\\\\4slash" = 1\n')
        self.addCleanup(self.container.run, "systemctl", "restart", "broker-provision")
        self.addCleanup(card.write_text, before)
        self.container.run("systemctl", "restart", "broker-provision")
        shown = self.shown()
        self.assertIn("MQTT broker: REFUSED", shown)
        report = self.container.boot_file("broker-report.txt").read_text().splitlines()
        self.assertIn(next(line.strip() for line in report if "4slash" in line)[:150], shown)

    def test_a_waiting_prompt_is_told_to_look_again(self):
        self.container.run("touch", "/run/agetty.reload")
        self.container.run("systemctl", "restart", "broker-provision")
        wait_for(lambda: self.container.run("cat", "/run/agetty.reload").stdout == "\n", "the sign for agetty")



if __name__ == "__main__":
    unittest.main()
