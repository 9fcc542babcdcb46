# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The life of the service: reload, hang, stop, a card edited while it runs, and the removal of the packages."""

import unittest

from container import Container, packages, wait_for

CARD = """\
version = 1
[[user]]
username = "first"
password = "first secret"
"""
SECOND_USER = """
[[user]]
username = "second"
password = "second secret"
"""
FIRST = ("-u", "first", "-P", "first secret")
SECOND = ("-u", "second", "-P", "second secret")
OF_DEBIAN = ("etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/machine-id", "var/log/", "var/cache/", "var/lib/dpkg/",
             "var/lib/systemd/", "run/", "tmp/", "var/tmp/", "boot/firmware/", "root", "dev/", "proc/", "sys/", "etc/.pwd.lock",
             "etc/.updated", "var/.updated", "etc/hostname", "etc/localtime", "etc/ld.so.cache", "etc/resolv.conf",
             "var/lib/private", "var/lib/dbus", "etc/mtab")
"""What a running Debian writes by itself, and the user `broker`, which stays."""


class Service(unittest.TestCase):
    def setUp(self):
        self.container = Container()
        self.addCleanup(self.container.remove)
        self.before = _files(self.container)
        self.container.install()
        self.container.boot_file("broker.toml").write_text(CARD)
        self.container.boot()
        self.settings = self.container.root / "etc/broker/broker.toml"

    def can_log_in(self, login):
        return self.container.network("mosquitto_pub", *login, "-t", "x", "-m", "y", check=False).returncode == 0

    def test_sighup_takes_a_new_user_and_refuses_a_bad_file(self):
        good = self.settings.read_text() + SECOND_USER
        self.assertFalse(self.can_log_in(SECOND))
        self.settings.write_text(good)
        self.container.run("systemctl", "kill", "--kill-whom=main", "--signal=HUP", "broker")
        wait_for(lambda: self.can_log_in(SECOND), "the new user")

        self.settings.write_text(good + "[[user]]\nusername = 7\n")
        self.container.run("systemctl", "kill", "--kill-whom=main", "--signal=HUP", "broker")
        wait_for(lambda: "username" in _texts(self.container, priority=3), "the problem in the journal")
        self.assertTrue(self.can_log_in(FIRST))
        self.assertTrue(self.can_log_in(SECOND))
        self.assertEqual("0", self.container.show("broker", "NRestarts"))

    def test_systemctl_reload_says_whether_the_file_was_taken(self):
        good = self.settings.read_text()
        self.container.run("systemctl", "reload", "broker")
        self.settings.write_text(good + "nonsense")
        self.assertNotEqual(0, self.container.run("systemctl", "reload", "broker", check=False).returncode)
        self.assertEqual("active", self.container.show("broker", "ActiveState"))
        self.assertTrue(self.can_log_in(FIRST))

    def test_a_card_edited_while_it_runs_is_taken_without_a_restart(self):
        card = self.container.boot_file("broker.toml")
        card.write_text(card.read_text() + SECOND_USER)
        self.container.run("systemctl", "restart", "broker-provision")
        wait_for(lambda: self.can_log_in(SECOND), "the new user")
        self.assertTrue(self.can_log_in(FIRST), "the password kept on the device")
        self.assertEqual("0", self.container.show("broker", "NRestarts"))

    def test_the_report_with_the_addresses_is_written_without_touching_the_broker(self):
        broker = self.container.show("broker", "MainPID")
        first = self.container.boot_file("broker-report.txt").stat().st_mtime_ns
        self.assertEqual("active", self.container.show("broker-provision-report.timer", "ActiveState"))
        self.container.run("systemctl", "start", "broker-provision-report.service")
        self.assertGreater(self.container.boot_file("broker-report.txt").stat().st_mtime_ns, first)
        self.assertEqual("success", self.container.show("broker-provision", "Result"))
        self.assertEqual(broker, self.container.show("broker", "MainPID"))

    def test_a_broker_that_hangs_is_started_again(self):
        hung = self.container.show("broker", "MainPID")
        self.container.run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", "broker")
        wait_for(lambda: self.container.show("broker", "MainPID") not in ("0", hung), "another process")
        wait_for(lambda: self.can_log_in(FIRST), "its first client")
        self.assertEqual("1", self.container.show("broker", "NRestarts"))
        self.assertIn("watchdog", "\n".join(entry["MESSAGE"].lower() for entry in self.container.journal("broker")))

    def test_a_restart_and_a_crash_keep_what_was_acknowledged(self):
        absent = ("mosquitto_sub", *FIRST, "-i", "absent", "-c", "-q", "1", "-t", "hall/#")
        self.container.network(*absent, "-E")
        for number, end in enumerate((("restart", "broker"), ("kill", "--kill-whom=main", "--signal=KILL", "broker"))):
            for topic, retain in ((f"hall/{number}", ()), (f"state/{number}", ("-r",))):
                self.container.network("mosquitto_pub", *FIRST, "-q", "1", "-t", topic, "-m", "on", *retain)
            before = self.container.show("broker", "MainPID")
            self.container.run("systemctl", *end)
            wait_for(lambda: self.container.show("broker", "MainPID") not in ("0", before), "another process")
            wait_for(lambda: self.can_log_in(FIRST), "its first client")
        heard = self.container.network(*absent, "-v", "-C", "2", "-W", "10").stdout
        self.assertEqual("hall/0 on\nhall/1 on\n", heard)
        heard = self.container.network("mosquitto_sub", *FIRST, "-v", "-t", "state/#", "-C", "2", "-W", "10").stdout
        self.assertEqual(["state/0 on", "state/1 on"], sorted(heard.split("\n")[:2]))
        store = self.container.root / "var/lib/broker/store"
        self.assertEqual(0o700, store.stat().st_mode & 0o777)
        self.assertEqual([], [entry["MESSAGE"] for entry in self.container.journal("broker") if int(entry["PRIORITY"]) <= 3])

    def test_it_stops_cleanly_and_says_goodbye_to_clients(self):
        with self.container.listening(*FIRST, "-t", "#"):
            self.container.run("systemctl", "stop", "broker")
        self.assertEqual(("inactive", "success", "0"),
                         tuple(self.container.show("broker", name) for name in ("ActiveState", "Result", "ExecMainStatus")))

    def test_a_second_boot_is_as_good_as_the_first(self):
        self.container.power_off()
        self.container.boot()
        self.assertTrue(self.can_log_in(FIRST))

    def test_an_upgrade_restarts_it_and_keeps_its_users(self):
        before = self.container.show("broker", "MainPID")
        self.container.run("dpkg", "--install", *(f"/var/cache/{deb.name}" for deb in packages()))
        self.assertNotEqual(before, self.container.show("broker", "MainPID"))
        self.assertEqual("active", self.container.show("broker", "ActiveState"))
        self.assertTrue(self.can_log_in(FIRST))

    def test_purging_leaves_nothing_of_ours(self):
        self.container.run("dpkg", "--purge", "mqtt-broker-appliance", "mqtt-broker-provisioner", "mqtt-broker")
        self.assertEqual("inactive", self.container.show("broker", "ActiveState"))
        self.container.power_off()
        self.assertEqual([], sorted(_files(self.container) - self.before))
        helper = self.container.root / "var/lib/systemd/deb-systemd-helper-enabled"
        self.assertEqual([], [path.name for path in helper.rglob("*broker*")])


def _texts(container, priority):
    """The broker's messages at least this urgent, as one text."""
    return "\n".join(entry["MESSAGE"] for entry in container.journal("broker") if int(entry["PRIORITY"]) <= priority)


def _files(container):
    """Every path below the root that neither changes by itself nor belongs to Debian's own housekeeping."""
    paths = (str(path.relative_to(container.root)) for path in container.root.rglob("*"))
    return {path for path in paths if not path.startswith(OF_DEBIAN)}


if __name__ == "__main__":
    unittest.main()
