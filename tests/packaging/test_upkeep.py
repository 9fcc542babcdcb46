# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What the appliance package tells the system about itself: os-release, apt, and whoever logs in."""

import os
import re
import unittest

from container import PROJECT, Container

SUPPORT_END = (PROJECT / "deploy/support-end").read_text().strip()
TIMED = ("apt-daily", "apt-daily-upgrade")


class Upkeep(unittest.TestCase):
    """One installation through its life: the tests are in the order of their names; the last one removes it."""

    @classmethod
    def setUpClass(cls):
        cls.container = Container()
        cls.addClassCleanup(cls.container.remove)
        cls.container.install()
        cls.container.boot()

    def test_1_os_release_is_base_files_own_with_what_this_system_is(self):
        release = self._os_release()
        self.assertEqual(SUPPORT_END, release["SUPPORT_END"])
        self.assertEqual(("debian", "mqtt-broker-appliance", "mqtt-broker-appliance"),
                         (release["ID"], release["VARIANT_ID"], release["IMAGE_ID"]))
        self.assertIn(f"until {SUPPORT_END}", self.container.run("broker", "status").stdout)

    def test_2_an_upgrade_of_base_files_comes_through(self):
        base = self.container.root / "usr/lib/os-release"
        base.write_text(base.read_text() + "SUPPORT_END=1999-12-31\nNEW=1\n")
        self.container.run("dpkg-trigger", "--by-package=base-files", "/usr/lib/os-release")
        self.container.run("dpkg", "--configure", "--pending")
        release = self._os_release()
        self.assertEqual((SUPPORT_END, "1"), (release["SUPPORT_END"], release["NEW"]))

    def test_3_whoever_logs_in_is_told_how_long_there_are_security_updates(self):
        told = self.container.run("run-parts", "--lsbsysinit", "/etc/update-motd.d").stdout
        self.assertIn(f"This system gets security updates until {SUPPORT_END}.", told)
        release = self.container.root / "etc/os-release"
        text = release.read_text()
        release.write_text("SUPPORT_END=2020-01-01\n")
        told = self.container.run("run-parts", "--lsbsysinit", "/etc/update-motd.d").stdout
        release.write_text(text)
        self.assertIn("This system gets NO security updates any more since 2020-01-01", told)

    def test_4_only_security_updates_and_our_own_packages_come_by_themselves(self):
        done = self.container.run("unattended-upgrade", "--dry-run", "--debug")
        origins = re.search(r"Allowed origins are: (.*)", done.stdout + done.stderr)[1]
        self.assertEqual({"origin=Debian,codename=trixie-security,label=Debian-Security",
                          "origin=MQTT broker appliance,suite=stable,component=main"}, set(origins.split(", ")))
        settings = dict(re.findall(r'(\S+) "(.*)";', self.container.run("apt-config", "dump").stdout))
        for name, value in (("APT::Periodic::Unattended-Upgrade", "1"), ("Unattended-Upgrade::Automatic-Reboot", "false"),
                            ("Unattended-Upgrade::MinimalSteps", "true"), ("Dir::Cache::pkgcache", "")):
            self.assertEqual(value, settings[name], name)

    def test_5_nothing_of_it_runs_on_a_read_only_root(self):
        self.container.run("mount", "--mkdir", "-t", "tmpfs", "tmpfs", "/media/root-ro")
        for unit in (*TIMED, "broker-update"):
            self.container.run("systemctl", "start", unit)
            self.assertEqual("no", self.container.show(unit, "ConditionResult"), unit)
        self.container.run("umount", "/media/root-ro")

    def test_6_it_leaves_nothing_behind(self):
        self.container.run("dpkg", "--purge", "mqtt-broker-appliance")
        root = self.container.root
        self.assertEqual("../usr/lib/os-release", str((root / "etc/os-release").readlink()))
        for path in ("etc/os-release.base-files", "etc/apt/apt.conf.d/60-mqtt-broker", "etc/update-motd.d/60-mqtt-broker", "var/lib/broker-update"):
            self.assertFalse(os.path.lexists(root / path), path)
        self.container.run("apt-get", "check")

    def _os_release(self):
        lines = (self.container.root / "etc/os-release").read_text().splitlines()
        return {name: value.strip('"') for name, value in (line.split("=", 1) for line in lines)}


if __name__ == "__main__":
    unittest.main()
