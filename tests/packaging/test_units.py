# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The units as systemd 257 reads them: no mistake in them, and exposure below the limit."""

import re
import sys
import unittest

from container import Container
from hardening import EXPOSURE_LIMITS, SYSCTLS, exposure

AT_BOOT = ("broker.service", "broker-provision.service")
TOO_LATE = ("network-online.target", "time-sync.target", "time-set.target")


class Units(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.container = Container()
        cls.addClassCleanup(cls.container.remove)
        cls.container.install()

    def test_systemd_finds_no_mistake(self):
        done = self.container.chroot("systemd-analyze", "verify", "--man=no", *EXPOSURE_LIMITS, check=False)
        self.assertEqual((0, ""), (done.returncode, done.stderr))

    def test_exposure_is_below_the_limit(self):
        for unit, limit in EXPOSURE_LIMITS.items():
            with self.subTest(unit):
                judged = self.container.chroot("systemd-analyze", "security", "--offline=true", unit).stdout
                print(f"\n{unit}: exposure {exposure(judged)}, at most {limit}", file=sys.stderr)
                self.assertLessEqual(exposure(judged), limit, judged)

    def test_the_hardened_settings_of_the_kernel_win(self):
        settings = {}
        for line in self.container.chroot("systemd-analyze", "cat-config", "sysctl.d").stdout.splitlines():
            if "=" in line and not line.startswith(("#", ";")):
                name, value = line.lstrip("-").split("=", 1)
                settings[name.strip().replace("/", ".")] = value.strip()
        self.assertEqual(SYSCTLS, {name: settings.get(name) for name in SYSCTLS})

    def test_nothing_collects_core_dumps(self):
        self.assertFalse((self.container.root / "usr/lib/systemd/systemd-coredump").exists())
        for unit in ("broker.service", "broker-provision.service", "broker-firewall.service"):
            self.assertIn("\nLimitCORE=0\n", (self.container.root / "usr/lib/systemd/system" / unit).read_text())

    def test_no_unit_waits_for_the_network_or_the_time(self):
        for unit in EXPOSURE_LIMITS:
            text = (self.container.root / "usr/lib/systemd/system" / unit).read_text()
            orders = [line for line in text.splitlines() if re.match(r"(After|Wants|Requires)=", line)]
            for target in TOO_LATE:
                self.assertNotIn(target, " ".join(orders))

    def test_both_services_start_at_boot(self):
        for unit in AT_BOOT:
            done = self.container.chroot("systemctl", "is-enabled", unit, check=False)
            self.assertEqual("enabled", done.stdout.strip())


if __name__ == "__main__":
    unittest.main()
