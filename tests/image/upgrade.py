# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The card as shipped goes on: apt installs a version of the broker that works, and one whose program does not start.

The machine has to keep the first and to go back from the second by itself (broker-update.service).
"""

import re
import sys
import unittest

import card
from boot import DISK
from clients import publish
from next_versions import paths, versions
from owner import MQTT
from shipped import ShippedCard

LIMIT_S = 900
"""How long an update may take that is tried out for a minute, under emulation."""


class Upgrade(unittest.TestCase):
    """What is tried is in the order of the names."""

    @classmethod
    def setUpClass(cls):
        cls.pi, cls.shell, cls.login = ShippedCard.pi, ShippedCard.shell, ShippedCard.login
        cls.addClassCleanup(cls.pi.kill)
        cls.addClassCleanup(cls.shell.close)

    def install(self, version):
        """Installs a version as apt does by itself; what came of it, as the machine tells."""
        began = self.pi.cpu_seconds()
        self.shell.try_run(f"DEBIAN_FRONTEND=noninteractive apt-get -q --yes install {paths(version)}", LIMIT_S)
        told, _ = self.shell.try_run(f"until grep -qx 'to={version}' /var/lib/broker-update/result; do sleep 1; done; "
                                     "cat /var/lib/broker-update/result; journalctl --sync", LIMIT_S)
        print(f"\n{told.strip()}\n{self.pi.cpu_seconds() - began:.0f} s of processor time", file=sys.stderr)
        return dict(re.findall(r"(?m)^(\w+)=(.*)$", told))

    def assert_runs(self, version):
        """The version that is installed, and that it serves clients."""
        self.assertEqual(f"{version} installed", self.shell.run("dpkg-query --show --showformat '${Version} ${db:Status-Status}' mqtt-broker"))
        self.assertEqual("active", self.shell.run("systemctl is-active broker").strip())
        sent = publish(self.pi.address(MQTT), self.login, "home/door", "open")
        self.assertEqual(0, sent.returncode, sent.stderr)

    def test_1_a_version_that_works_stays(self):
        shipped, works, _ = versions()
        result = self.install(works)
        self.assertEqual(("works", shipped, works), (result["outcome"], result["from"], result["to"]))
        self.assert_runs(works)

    def test_2_a_version_that_does_not_start_gives_way_to_the_one_before(self):
        _, works, broken = versions()
        result = self.install(broken)
        self.assertEqual(("rolled-back", works, broken), (result["outcome"], result["from"], result["to"]))
        self.assert_runs(works)

    def test_3_the_report_and_the_status_tell_of_it(self):
        _, _, broken = versions()
        said = f"Update {broken} did not work"
        self.assertIn(said, " ".join(self.shell.try_run("broker status")[0].split()))
        # It is written anew beside the work; the shell's limit ends this if nothing comes.
        self.shell.run(f"until grep -q '{broken}' /boot/firmware/broker-report.txt; do sleep 1; done; sync")
        self.assertIn(said, " ".join(card.BootPartition(DISK).read("broker-report.txt").decode().split()))
