# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Faults around the provisioner on a running system: ten boots, runs at once, a changed machine, a hanging program, a card gone wrong."""

import hashlib
import re
import subprocess
import time
import unittest

from container import Container, wait_for

CARD = """\
version = 1
[system]
hostname = "plant-2"
[time]
timezone = "Asia/Tokyo"
[[user]]
username = "sensors"
password = "first secret"
[[listener]]
port = 1883
[[listener]]
port = 8883
tls = true
"""
LOGIN = ("-u", "sensors", "-P", "first secret")
KEPT = ("etc/broker", "var/lib/broker-provision", "boot/firmware", "etc/hostname", "etc/hosts")
BOOTS, AT_ONCE = 10, 6
HANGING = "/run/systemd/system/systemd-hostnamed.service.d"
PATIENCE_S = 120
"""A few calls of ten seconds each and everything else, on a busy machine; the unit itself may take five minutes."""


class Faults(unittest.TestCase):
    """In order: each leaves the machine as it found it."""

    @classmethod
    def setUpClass(cls):
        cls.container = Container()
        cls.addClassCleanup(cls.container.remove)
        cls.container.install()
        cls.card = cls.container.boot_file("broker.toml")
        cls.card.write_text(CARD)
        cls.container.boot()

    def test_1_ten_boots_in_a_row_leave_every_byte_as_it_was(self):
        self.start_again()
        first = self.bytes()
        for _ in range(BOOTS):
            self.start_again()
            self.assertEqual(first, self.bytes())
        self.assertTrue(self.can_log_in(LOGIN))

    def test_2_of_runs_at_once_one_works_and_the_others_say_so(self):
        before = self.bytes()
        command = self.container.in_container("broker-provision", "apply")
        runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(AT_ONCE)]
        told = [(run.communicate()[0], run.returncode) for run in runs]
        self.assertIn(0, [status for _, status in told])
        for words, status in told:
            self.assertTrue(status == 0 or "another broker-provision is at work" in words, words)
        self.assertEqual(before, self.bytes())

    def test_3_what_was_changed_behind_its_back_is_put_right(self):
        self.restart()
        before = self.bytes()
        self.container.run("hostnamectl", "set-hostname", "other")
        self.container.run("timedatectl", "set-timezone", "Europe/Vienna")
        (self.container.root / "etc/broker/broker.toml").write_text("version = 1\n[broker]\nallow_anonymous = true\n")
        self.container.run("broker", "reload")
        wait_for(lambda: self.can_log_in(()), "a broker that is open to everybody")
        (self.container.root / "etc/broker/firewall.nft").unlink()
        (self.container.root / "etc/broker/tls/server.pem").unlink()
        self.restart()
        wait_for(lambda: not self.can_log_in(()), "a broker that is closed again")
        self.assertTrue(self.can_log_in(LOGIN))
        self.assertEqual("plant-2", self.container.run("hostname").stdout.strip())
        self.assertIn("Asia/Tokyo", self.container.run("timedatectl", "show", "--property", "Timezone").stdout)
        self.restart()
        after = self.bytes()
        different = {path for path in {*before, *after} if before.get(path) != after.get(path)}
        # The server's certificate, which was lost, is another one.
        self.assertLessEqual(different, {"etc/broker/tls/server.pem", "var/lib/broker-provision/certificates.json"})

    def test_4_a_program_that_hangs_is_told_and_holds_nothing_up(self):
        folder = self.container.running_path(HANGING)
        self.container.run("mkdir", "-p", HANGING)
        with open(f"{folder}/hang.conf", "w") as drop_in:
            drop_in.write("[Service]\nType=exec\nExecStart=\nExecStart=/bin/sleep infinity\n")
        self.container.run("sh", "-c", "systemctl daemon-reload; systemctl stop systemd-hostnamed")
        begin = time.monotonic()
        self.edit(("plant-2", "plant-3"), ("", self.user("second")))
        self.assertLess(time.monotonic() - begin, PATIENCE_S)
        self.assertIn("no answer within 10 seconds", self.report())
        wait_for(lambda: self.can_log_in(("-u", "second", "-P", "of second")), "the new user")
        self.container.run("sh", "-c", f"rm -r {HANGING}; systemctl daemon-reload; systemctl stop systemd-hostnamed")
        self.restart()
        self.assertEqual("plant-3", self.container.run("hostname").stdout.strip())
        self.assertIn("APPLIED", self.report())

    def test_5_a_card_that_cannot_be_written_is_taken_and_warned_of(self):
        self.container.run("sh", "-c", "mount --bind /boot/firmware /boot/firmware && mount -o remount,bind,ro /boot/firmware")
        self.edit(("", self.user("third")))
        wait_for(lambda: self.can_log_in(("-u", "third", "-P", "of third")), "the new user")
        self.assertIn("of third", self.card.read_text())
        self.assertIn("passwords still stand in plain text", self.told())
        self.container.run("umount", "/boot/firmware")
        self.restart()
        self.assertNotIn("of third", self.card.read_text())

    def test_6_on_a_full_card_passwords_are_overwritten(self):
        mount = "mount -t tmpfs -o size=64k none /boot/firmware && cp /run/broker.toml /boot/firmware"
        self.container.run("sh", "-c", f"cp /boot/firmware/broker.toml /run && {mount}")
        with open(self.container.running_path("boot/firmware/broker.toml"), "a") as file:
            file.write(self.user("fourth"))
        self.container.run("sh", "-c", "! dd if=/dev/zero of=/boot/firmware/full bs=4k status=none")
        self.restart(check=False)
        wait_for(lambda: self.can_log_in(("-u", "fourth", "-P", "of fourth")), "the new user")
        with open(self.container.running_path("boot/firmware/broker.toml")) as file:
            self.assertNotIn("of fourth", file.read())
        self.assertIn("report could not be written", self.told())
        self.container.run("umount", "/boot/firmware")

    def test_7_without_a_card_the_last_good_state_stays(self):
        self.container.run("mount", "-t", "tmpfs", "-o", "size=64k", "none", "/boot/firmware")
        self.restart()
        with open(self.container.running_path("boot/firmware/broker-report.txt")) as report:
            self.assertIn("broker.toml", report.read())
        self.assertTrue(self.can_log_in(LOGIN))
        self.container.run("umount", "/boot/firmware")

    def test_8_without_a_system_bus_everything_else_is_applied(self):
        self.container.run("systemctl", "stop", "dbus.socket", "dbus.service")
        self.edit(("plant-3", "plant-4"), ("", self.user("fifth")))
        self.assertIn("the system bus does not answer", self.report())
        self.assertIn("fifth", (self.container.root / "etc/broker/broker.toml").read_text())
        self.start_again()
        self.assertEqual("plant-4", self.container.run("hostname").stdout.strip())
        self.assertTrue(self.can_log_in(("-u", "fifth", "-P", "of fifth")))

    def edit(self, *changes):
        """Edits the card, an empty old text being its end, and starts the provisioner, whatever becomes of it."""
        text = self.card.read_text()
        for old, new in changes:
            text = text.replace(old, new) if old else text + new
        self.card.write_text(text)
        self.restart(check=False)

    def start_again(self):
        self.container.power_off()
        self.container.boot()

    def restart(self, check=True):
        # However often that was within ten seconds.
        self.container.run("systemctl", "reset-failed", "broker-provision")
        self.container.run("systemctl", "restart", "broker-provision", check=check)

    @staticmethod
    def user(name):
        return f'[[user]]\nusername = "{name}"\npassword = "of {name}"\n'

    def report(self):
        return self.container.boot_file("broker-report.txt").read_text()

    def told(self):
        return "\n".join(entry["MESSAGE"] for entry in self.container.journal("broker-provision"))

    def can_log_in(self, login):
        return self.container.network("mosquitto_pub", *login, "-t", "x", "-m", "y", check=False).returncode == 0

    def bytes(self):
        """A fingerprint of every file that the provisioner has a hand in; a report's time and the lock apart."""
        found = {"etc/localtime": (self.container.root / "etc/localtime").readlink()}
        for name in KEPT:
            top = self.container.root / name
            for path in [top, *top.rglob("*")]:
                if path.is_file() and path.name != "lock":
                    content = re.sub(rb'Written .*|"time": .*', b"", path.read_bytes())
                    found[str(path.relative_to(self.container.root))] = hashlib.sha256(content).hexdigest()
        return found


if __name__ == "__main__":
    unittest.main()
