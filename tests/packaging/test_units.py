# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The units as systemd 257 reads them: no mistake in them, and exposure below the limit."""

import re
import unittest

from container import Container

EXPOSURE_LIMITS = {"broker.service": 1.2, "broker-provision.service": 4.0, "broker-provision-report.service": 4.0,
                   "broker-provision-certificate.service": 4.0}
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
                exposure = float(re.search(r"Overall exposure level for \S+ ([\d.]+)", judged)[1])
                self.assertLessEqual(exposure, limit, judged)

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
