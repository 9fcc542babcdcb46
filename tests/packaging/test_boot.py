# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A boot whose only input is broker.toml on the boot partition: what came of it, for people and for programs."""

import unittest

from container import Container, wait_for

EDITED = """\
version = 1
[system]
hostname = "plant-2"
[time]
timezone = "Asia/Tokyo"
[[user]]
username = "sensors"
password = "correct horse battery"
[[listener]]
port = 1883
[[listener]]
port = 80
protocol = "websockets"
"""
LOGIN = ("-u", "sensors", "-P", "correct horse battery")


class EditedCard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.container = Container()
        cls.addClassCleanup(cls.container.remove)
        cls.container.install()
        cls.container.boot_file("broker.toml").write_text(EDITED)
        (cls.container.root / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 debian # of the installation\n")
        cls.container.boot()

    def test_every_unit_is_up(self):
        failed = self.container.run("systemctl", "--failed", "--no-legend").stdout
        self.assertEqual("", failed)
        for unit in ("broker", "broker-provision"):
            self.assertEqual("active", self.container.show(unit, "ActiveState"))

    def test_status_tells_a_person_that_it_runs_and_what_it_does(self):
        status = wait_for(lambda: _status_naming(self.container, "2 listeners"), "a status line")
        self.assertIn("active (running)", status)
        self.assertRegex(status, r"Status: \"\d+ clients? on 2 listeners, \d+ msg/s\"")

    def test_the_watchdog_guards_it(self):
        self.assertEqual("10s", self.container.show("broker", "WatchdogUSec"))
        self.assertEqual("0", self.container.show("broker", "NRestarts"))

    def test_it_runs_as_its_own_user_without_capabilities_and_with_few_system_calls(self):
        pid = self.container.show("broker", "MainPID")
        lines = self.container.run("cat", f"/proc/{pid}/status").stdout.splitlines()
        fields = dict(line.split(":\t") for line in lines if ":\t" in line)
        self.assertEqual(self.container.run("id", "-u", "broker").stdout.strip(), fields["Uid"].split()[0])
        self.assertEqual({"0" * 16}, {fields[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")})
        self.assertEqual(("1", "2"), (fields["NoNewPrivs"], fields["Seccomp"]))

    def test_only_root_and_the_broker_read_its_settings(self):
        listing = self.container.run("stat", "--format", "%A %U:%G %n", "/etc/broker", "/etc/broker/broker.toml",
                                     "/var/lib/broker", "/var/lib/broker-provision", "/run/broker").stdout
        self.assertEqual(
            "drwxr-x--- root:broker /etc/broker\n"
            "-rw-r----- root:broker /etc/broker/broker.toml\n"
            "drwx------ broker:broker /var/lib/broker\n"
            "drwx------ root:root /var/lib/broker-provision\n"
            "drwxr-x--- broker:broker /run/broker\n", listing)

    def test_host_name_and_time_zone_are_those_of_the_card(self):
        self.assertEqual("plant-2", self.container.run("hostname").stdout.strip())
        self.assertEqual("plant-2", (self.container.root / "etc/hostname").read_text().strip())
        self.assertEqual("127.0.0.1 localhost\n127.0.1.1 plant-2 # of the installation\n", (self.container.root / "etc/hosts").read_text())
        self.assertEqual("127.0.1.1", self.container.run("getent", "hosts", "plant-2").stdout.split()[0])
        self.assertIn("Asia/Tokyo", self.container.run("timedatectl", "show", "--property", "Timezone").stdout)

    def test_a_client_talks_to_the_broker(self):
        with self.container.listening(*LOGIN, "-t", "sensors/+") as heard:
            self.container.network("mosquitto_pub", *LOGIN, "-t", "sensors/1", "-m", "21.5")
            self.assertEqual("sensors/1 21.5", heard())

    def test_a_port_below_1024_is_served_without_a_capability(self):
        self.container.run("broker", "pub", "--ws", "-p", "80", *LOGIN, "-t", "x", "-m", "y")

    def test_a_wrong_password_is_refused(self):
        done = self.container.network("mosquitto_pub", "-u", "sensors", "-P", "wrong", "-t", "x", "-m", "y", check=False)
        self.assertNotEqual(0, done.returncode)
        self.assertRegex(done.stderr, "(?i)not authori[sz]ed|bad user name or password")

    def test_the_journal_can_be_searched_by_client(self):
        self.container.network("mosquitto_pub", *LOGIN, "-i", "field-1", "-t", "x", "-m", "y")
        self.container.network("mosquitto_pub", "-u", "sensors", "-P", "wrong", "-i", "field-2", "-t", "x", "-m", "y", check=False)
        come = wait_for(lambda: _entry(self.container, CLIENT_ID="field-1", USERNAME="sensors"), "the entry of a client")
        refused = wait_for(lambda: _entry(self.container, CLIENT_ID="field-2"), "the entry of a refused client")
        for entry in (come, refused):
            self.assertRegex(entry["REMOTE_ADDR"], r"127\.0\.0\.1|::1")
            self.assertRegex(entry["MESSAGE_ID"], r"^[0-9a-f]{32}$")
            self.assertEqual("broker.service", entry["_SYSTEMD_UNIT"])
        self.assertNotEqual(come["MESSAGE_ID"], refused["MESSAGE_ID"])
        self.assertTrue(refused["REASON"])

    def test_the_report_is_on_the_card_and_the_password_is_not(self):
        report = self.container.boot_file("broker-report.txt").read_text()
        self.assertIn("APPLIED", report)
        for file in self.container.boot_file(".").iterdir():
            self.assertNotIn("correct horse", file.read_text(), file.name)
        self.assertIn("password = 0 ", self.container.boot_file("broker.toml").read_text())

    def test_no_secret_is_in_the_journal_or_on_the_console(self):
        everything = self.container.run("journalctl", "--boot", "--output", "export", "--no-pager").stdout
        for text in (everything, self.container.console()):
            self.assertNotIn("correct horse", text)
            self.assertNotIn("$argon2id$", text)

    def test_the_appliance_asks_for_the_hardware_watchdog(self):
        self.assertEqual("14s", self.container.run("systemctl", "show", "--value", "--property", "RuntimeWatchdogUSec").stdout.strip())

    def test_the_control_socket_answers_root(self):
        status = self.container.run("broker", "status").stdout
        self.assertRegex(status, r":1883\b")
        self.assertRegex(status, r":80\b")


class ShippedCard(unittest.TestCase):
    """The card as it was flashed: the sample, in which only `version = 1` stands."""

    @classmethod
    def setUpClass(cls):
        cls.container = Container()
        cls.addClassCleanup(cls.container.remove)
        cls.container.install()
        sample = cls.container.root / "usr/share/mqtt-broker/broker.toml"
        cls.container.boot_file("broker.toml").write_bytes(sample.read_bytes())
        cls.container.boot()

    def test_the_login_of_the_report_works_and_then_vanishes_from_it(self):
        report = self.container.report()
        login = report["login"]
        self.assertEqual("mqtt", login["username"])
        self.container.network("mosquitto_pub", "-u", "mqtt", "-P", login["password"], "-t", "x", "-m", "y")
        wait_for((self.container.root / "var/lib/broker/first-login").exists, "the mark of the first login")
        self.container.run("systemctl", "restart", "broker-provision")
        for file in self.container.boot_file(".").iterdir():
            self.assertNotIn(login["password"], file.read_text(), file.name)
        self.container.network("mosquitto_pub", "-u", "mqtt", "-P", login["password"], "-t", "x", "-m", "y")


class EmptyCard(unittest.TestCase):
    """No broker.toml at all: the boot ends, the broker is there, and nobody gets in."""

    @classmethod
    def setUpClass(cls):
        cls.container = Container()
        cls.addClassCleanup(cls.container.remove)
        cls.container.install()
        cls.container.boot()

    def test_the_broker_is_locked_and_says_so(self):
        self.assertEqual("active", self.container.show("broker", "ActiveState"))
        self.assertRegex(self.container.show("broker", "StatusText"), "^locked: ")
        done = self.container.network("mosquitto_pub", "-t", "x", "-m", "y", check=False)
        self.assertNotEqual(0, done.returncode)

    def test_the_report_says_what_is_missing(self):
        self.assertIn("broker.toml", self.container.boot_file("broker-report.txt").read_text())


def _status_naming(container, words):
    status = container.run("systemctl", "status", "--no-pager", "broker").stdout
    return status if words in status else None


def _entry(container, **fields):
    """The first journal entry of the broker with these fields."""
    return next((entry for entry in container.journal("broker") if fields.items() <= entry.items()), None)


if __name__ == "__main__":
    unittest.main()
