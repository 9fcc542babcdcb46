# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Updates by real apt from a signed repository: one that works stays; one that does not, in whichever way, goes back."""

import shutil
import tempfile
import unittest
from pathlib import Path

import repack
import repository
from container import Container, packages, wait_for
from repository import Repository, versions, with_firewall, with_postinst, with_unit

CARD = """\
version = 1
[[user]]
username = "sensors"
password = "correct horse battery"
[[listener]]
port = 1883
[[listener]]
port = 8083
protocol = "websockets"
"""
QUICK = """\
[Service]
Environment=BROKER_UPDATE_SECONDS=2 BROKER_UPDATE_STEADY=2
"""
"""A minute is for a slow Pi."""
FAULTS = {
    "0.2.1": (with_unit("ExecStart=\nExecStart=/usr/bin/broker run --config /nowhere"), "no broker is running"),
    "0.2.2": (with_unit("RuntimeMaxSec=1"), "it ended"),
    "0.2.3": (with_firewall("iif lo tcp dport 1883 drop"), "listener [::]:1883 takes no connection"),
    "0.2.4": (with_unit("ReadOnlyPaths=/var/lib/broker"), "store has failed"),
    "0.2.5": (with_postinst("mqtt-broker", "exit 1"), "it could not be installed"),
}
"""What is wrong with a version, and what is said of it: it does not start; it crashes after it was ready; a listener
does not answer; the store cannot be opened; a script of a package fails."""


class Device:
    """A container as the image's build leaves it: with packages, their copies, and a repository."""

    def __init__(self, case, installed=None):
        self.files = Path(tempfile.mkdtemp(prefix="broker-update-", dir="/var/tmp"))
        case.addClassCleanup(shutil.rmtree, self.files)
        self.container = Container()
        case.addClassCleanup(self.container.remove)
        self.root = self.container.root
        (self.root / "etc/systemd/system/multi-user.target.wants/unattended-upgrades.service").unlink()
        self.container.install(installed)
        good = self.root / "var/lib/broker-update/good"
        good.mkdir(parents=True)
        for deb in installed or packages():
            shutil.copy(deb, good / f"{deb.name.split('_')[0]}.deb")
        quick = self.root / "etc/systemd/system/broker-update.service.d/quick.conf"
        quick.parent.mkdir()
        quick.write_text(QUICK)
        self.container.boot_file("broker.toml").write_text(CARD)
        self.repository = Repository(self.root)
        case.addClassCleanup(self.repository.remove)

    def offer(self, version, change=repack.unchanged):
        """Puts a version into the repository."""
        self.repository.publish(*versions(self.files, version, change))

    def upgrade(self, *command):
        """What apt says of an upgrade by these words, after the update was judged."""
        self.container.run("apt-get", "--quiet", "update")
        done = self.container.run("env", "DEBIAN_FRONTEND=noninteractive", *command, check=False)
        self.settled()
        return done

    def settled(self):
        """Waits until nothing is tried out any more."""
        wait_for(lambda: self.container.show("broker-update", "ActiveState") not in ("activating", "reloading")
                 and not self.container.run("systemctl", "list-jobs", "--no-legend").stdout.strip(), "the end of the update")

    def states(self):
        """The version and state of each of our packages, also while the container does not run."""
        shown = self.container.chroot("dpkg-query", "--show", "--showformat", "${Version} ${db:Status-Status}\n", *repository.NAMES).stdout
        return set(shown.splitlines())

    def result(self):
        """What the service left for those who tell it, by name."""
        lines = (self.root / "var/lib/broker-update/result").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def kept(self):
        """What lies in the service's folder."""
        return {path.name for path in (self.root / "var/lib/broker-update").iterdir()}


class Updates(unittest.TestCase):
    """One device through its life: the tests are in the order of their names, each begins where the one before ended."""

    @classmethod
    def setUpClass(cls):
        cls.device = Device(cls)
        cls.container = cls.device.container
        cls.container.boot()

    def test_1_a_version_that_works_stays_and_restarts_the_broker_once(self):
        self.device.offer("0.2.0")
        done = self.device.upgrade("apt-get", "--yes", "dist-upgrade")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual({"0.2.0 installed"}, self.device.states())
        self.assertEqual({"v": "1", "outcome": "works", "from": "0.1.0", "to": "0.2.0",
                          "text": "Update 0.2.0 works; before it ran 0.1.0."}, self.device.result())
        self.assertEqual({"good", "faults", "result"}, self.device.kept())
        starts = [entry for entry in self.container.journal("broker") if entry["MESSAGE"].endswith("starting")]
        self.assertEqual(2, len(starts), "at the boot and at the update")
        self.assertIn("Update     Update 0.2.0 works", self.container.run("broker", "status").stdout)

    def test_2_a_version_that_does_not_work_goes_back_whatever_is_wrong_with_it(self):
        for version, (change, reason) in FAULTS.items():
            with self.subTest(version):
                self.device.offer(version, change)
                self.device.upgrade("apt-get", "--yes", "dist-upgrade")
                self.assertEqual({"0.2.0 installed"}, self.device.states())
                result = self.device.result()
                self.assertEqual(("rolled-back", "0.2.0", version), (result["outcome"], result["from"], result["to"]))
                self.assertIn(reason, result["text"])
                self.assertTrue(result["text"].startswith(f"Update {version} did not work: "), result["text"])
                self.assertTrue(result["text"].endswith(" 0.2.0 runs again."), result["text"])
                self.assertEqual({"good", "faults", "result", "held"}, self.device.kept())
                self.container.run("broker", "health")

    def test_3_it_is_told_in_the_journal_in_the_report_and_by_the_status(self):
        text = self.device.result()["text"]
        entries = [entry["PRIORITY"] for entry in self.container.journal("broker-update") if entry["MESSAGE"] == text]
        self.assertEqual(["3"], entries)
        self.assertIn(f"Update     {text}", self.container.run("broker", "status").stdout)
        wait_for(lambda: text in self.container.boot_file("broker-report.txt").read_text(), "the report")

    def test_4_a_version_that_did_not_work_is_not_tried_again_and_the_next_one_is(self):
        before = self.device.result()
        self.device.upgrade("unattended-upgrade")
        self.assertEqual(({"0.2.0 installed"}, before), (self.device.states(), self.device.result()))
        self.device.offer("0.3.0")
        self.device.upgrade("unattended-upgrade")
        self.assertEqual({"0.3.0 installed"}, self.device.states())
        self.assertEqual("works", self.device.result()["outcome"])
        self.assertFalse((self.device.root / "etc/apt/preferences.d/mqtt-broker-update.pref").exists())

    def test_5_a_full_card_refuses_an_update_before_anything_is_changed(self):
        self.device.offer("0.4.0")
        self.container.run("mount", "-t", "tmpfs", "-o", "size=20M", "tmpfs", "/var/lib/broker-update")
        done = self.device.upgrade("apt-get", "--yes", "dist-upgrade")
        self.container.run("umount", "/var/lib/broker-update")
        self.assertNotEqual(0, done.returncode)
        self.assertIn("The broker is not updated: there are 20 MiB left on the card, and 64 MiB are needed", done.stderr)
        self.assertEqual({"0.3.0 installed"}, self.device.states())


if __name__ == "__main__":
    unittest.main()
