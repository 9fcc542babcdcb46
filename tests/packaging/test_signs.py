# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What the device shows to somebody in front of it: the screen above the login prompt."""

import re
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


class Led(unittest.TestCase):
    """A folder of plain files in place of the kernel's: what was written last is a file's first line."""

    @classmethod
    def setUpClass(cls):
        cls.container = Container()
        cls.addClassCleanup(cls.container.remove)
        cls.container.install()
        drop_in = cls.container.root / "etc/systemd/system/broker-led.service.d/fake.conf"
        drop_in.parent.mkdir()
        drop_in.write_text("[Service]\nBindPaths=/var/lib/class:/sys/class\n")
        cls.led = cls.container.root / "var/lib/class/leds/ACT"
        cls.led.mkdir(parents=True)
        (cls.led / "trigger").write_text("none rc-feedback [mmc0] timer pattern\n")
        (cls.led / "max_brightness").write_text("1\n")
        cls.container.boot()

    def first_line(self, name):
        lines = (self.led / name).read_text().splitlines() if (self.led / name).exists() else []
        return lines[0] if lines else ""

    def test_its_blinks_follow_the_card_the_broker_and_its_own_end(self):
        wait_for(lambda: self.first_line("pattern").count("1 200") == 3, "three blinks, for a broker without settings")
        self.container.boot_file("broker.toml").write_text("version = 1\n")
        self.container.run("systemctl", "restart", "broker-provision")
        wait_for(lambda: self.first_line("trigger") == "mmc0", "the LED's own trigger, for a broker at work")
        self.container.boot_file("broker.toml").write_text("version = 2\n")
        self.container.run("systemctl", "restart", "broker-provision")
        wait_for(lambda: self.first_line("pattern").count("1 200") == 2, "two blinks, for a file with a fault")
        self.container.run("systemctl", "stop", "broker")
        wait_for(lambda: self.first_line("pattern").count("1 200") == 5, "five blinks, for a broker that does not run")
        self.container.run("systemctl", "stop", "broker-led")
        self.assertEqual("mmc0", self.first_line("trigger"))
        self.assertEqual("success", self.container.show("broker-led", "Result"))

    def test_it_needs_little(self):
        self.container.run("systemctl", "start", "broker-led")
        pid = self.container.show("broker-led", "MainPID")
        fields = dict(line.split(":\t", 1) for line in self.container.run("cat", f"/proc/{pid}/status").stdout.splitlines() if ":\t" in line)
        self.assertLess(int(fields["RssAnon"].split()[0]), 4096, "KiB of memory of its own")
        self.assertEqual("0" * 16, fields["CapEff"])


class SupportFile(unittest.TestCase):
    SECRET = "correct horse battery"

    @classmethod
    def setUpClass(cls):
        cls.container = Container()
        cls.addClassCleanup(cls.container.remove)
        cls.container.install()
        cls.container.boot_file("broker.toml").write_text(
            f'version = 1\n[[user]]\nusername = "sensors"\npassword = "{cls.SECRET}"\n[[listener]]\nport = 8883\ntls = true\n')
        cls.container.boot()
        cls.answer = cls.container.boot_file("broker-support.txt")

    def secrets(self):
        """Everything on the device that must not be told: the password, its hash, the lines of every key."""
        found = [self.SECRET]
        for file in ("etc/broker/broker.toml", "var/lib/broker-provision/desired.json"):
            found += re.findall(r"\$argon2id\$[^\"]+", (self.container.root / file).read_text())
        for file in ("etc/broker/tls/server.pem", "var/lib/broker-provision/ca.key"):
            for key in re.findall(r"PRIVATE KEY-----(.*?)-----END", (self.container.root / file).read_text(), re.DOTALL):
                found += [line for line in key.split() if len(line) > 8]
        return found

    def test_it_is_looked_for_without_waiting_in_the_boot(self):
        self.assertEqual("active", self.container.show("broker-support.timer", "ActiveState"))

    def test_a_file_asks_and_the_answer_is_complete_and_holds_no_secret(self):
        self.container.run("systemctl", "start", "broker-support")
        self.assertFalse(self.answer.exists())
        self.container.boot_file("Support.txt").write_text("")
        self.container.run("systemctl", "start", "broker-support")
        self.assertFalse(self.container.boot_file("Support.txt").exists())
        text = self.answer.read_text()
        for expected in ("PRETTY_NAME=", "APPLIED", "nothing: the machine matches", "listens on :: port 8883",
                         "broker.service: active (running)", "MiB free of", "publish_received", "the settings of broker.toml are in force"):
            self.assertIn(expected, text)
        self.assertNotIn("not to be had", text)
        self.assertNotIn("does not answer", text)
        self.assertGreater(len(self.secrets()), 5)
        self.assertEqual([], [secret for secret in self.secrets() if secret in text])
        self.assertLess(len(text), 512 * 1024)

    def test_a_full_boot_partition_is_told_and_nothing_half_is_left(self):
        self.container.run("mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", "/boot/firmware")
        self.addCleanup(self.container.run, "umount", "/boot/firmware")
        self.container.run("touch", "/boot/firmware/support")
        self.assertNotEqual(0, self.container.run("systemctl", "start", "broker-support", check=False).returncode)
        self.addCleanup(self.container.run, "systemctl", "reset-failed", "broker-support")
        self.assertEqual("support\n", self.container.run("ls", "/boot/firmware").stdout)
        told = "\n".join(entry["MESSAGE"] for entry in self.container.journal("broker-support"))
        self.assertIn("the boot partition is full", told)


if __name__ == "__main__":
    unittest.main()
