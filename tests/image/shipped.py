# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A card that nobody edited: the login that it makes, and what an intruder could do in it."""

import json
import subprocess
import sys

import card
import hardening
import machine
from boot import DISK, FOLDER, SMALL_CARD_SIZE, Boot
from clients import Subscriber, publish
from kinds import IMAGE, PROJECT
from next_versions import put_onto
from owner import MQTT

PROGRAM = "/usr/lib/aarch64-linux-gnu/canary"
"""Where the broker's unit lets programs be executed."""
IDLE = "systemd-binfmt|modprobe@drm|modprobe@efi_pstore"
"""Debian starts them on every machine; here each has a condition that an appliance does not meet."""
RUNNING = {f"{name}.service" for name in (
    "broker", "broker-led", "broker-warnings", "NetworkManager", "wpa_supplicant", "avahi-daemon", "dbus", "getty@tty1",
    "systemd-hostnamed", "systemd-journald", "systemd-logind", "systemd-timedated", "systemd-timesyncd", "systemd-udevd", "systemd-rfkill",
    "debug-shell")}
"""All that may be in memory, some only for a while, and the shell of this test."""


class ShippedCard(Boot):
    """A card nobody edited, with a canary on its root file system."""

    planted = (PROGRAM,)
    goes_on = True

    @classmethod
    def setUpClass(cls):
        machine.copy_card(IMAGE, DISK, SMALL_CARD_SIZE)
        canary = FOLDER / "canary"
        subprocess.run(["aarch64-linux-gnu-gcc", "-static", "-o", canary, PROJECT / hardening.CANARY], check=True)
        card.write_to_root(DISK, canary, PROGRAM)
        put_onto(DISK)
        super().setUpClass()
        cls.shell.run("sync")
        cls.report = json.loads(card.BootPartition(DISK).read("broker-report.json"))
        cls.login = (cls.report["login"]["username"], cls.report["login"]["password"])

    def test_the_report_has_a_login_that_works(self):
        self.assertEqual("mqtt", self.login[0])
        with Subscriber(self.pi.address(MQTT), self.login, "home/+") as subscriber:
            self.assertEqual(0, publish(self.pi.address(MQTT), self.login, "home/door", "open").returncode)
            self.assertEqual(["home/door", "open"], subscriber.message())

    def test_the_root_file_system_fills_a_small_card(self):
        size = int(self.shell.run("df --output=size --block-size=1M / | tail -1"))
        self.assertGreater(size, 0.9 * (SMALL_CARD_SIZE - card.root(DISK).offset) / card.MIB)
        self.assertIn("everything lies on the root partition", self.report["card"])

    def test_the_broker_starts_after_its_settings_and_waits_for_no_network(self):
        chain = self.shell.run("systemd-analyze critical-chain --no-pager broker.service")
        print(f"\n{self.shell.run('systemd-analyze time')}\n{chain}", file=sys.stderr)
        self.assertIn("broker-provision.service", chain)
        self.assertNotRegex(chain, "NetworkManager|network-online|time-sync|avahi")

    def test_only_what_serves_the_appliance_is_started(self):
        blame = self.shell.run("systemd-analyze blame --no-pager")
        running = self.shell.run("systemctl list-units --type=service --state=running --plain --no-legend --no-pager | cut -d' ' -f1")
        print(f"\n{blame[:1200]}", file=sys.stderr)
        self.assertNotRegex(blame, IDLE)
        self.assertEqual(set(), set(running.split()) - RUNNING)

    def test_the_exposure_of_each_unit_is_below_its_limit(self):
        for unit, limit in hardening.EXPOSURE_LIMITS.items():
            judged = self.shell.run(f"systemd-analyze security --no-pager {unit} | tail -n 1")
            print(f"\n{judged.strip()}", file=sys.stderr)
            self.assertLessEqual(hardening.exposure(judged), limit)

    def test_an_intruder_in_the_brokers_place_is_denied_everything(self):
        folder = "/run/systemd/system/broker.service.d"
        drop_in = hardening.IN_PLACE_OF_THE_BROKER.format(program=PROGRAM).replace("\n", "\\n")
        self.shell.run(f"mkdir -p {folder} && printf '{drop_in}' >{folder}/99-canary.conf && systemctl daemon-reload")
        self.shell.run("systemctl stop broker; systemctl start broker; journalctl --sync")
        tried = hardening.attempts(self.shell.run("journalctl -u broker -o cat --no-pager | grep ^canary:").splitlines())
        self.shell.run(f"rm {folder}/99-canary.conf; systemctl daemon-reload; systemctl restart broker")
        print("".join(f"\n{attempt:40} {outcome}" for attempt, outcome in tried.items()), file=sys.stderr)
        self.assertEqual((hardening.ATTEMPTS, []), (len(tried), hardening.allowed(tried)))

    def test_the_kernels_settings_are_hardened(self):
        files = " ".join("/proc/sys/" + name.replace(".", "/") for name in hardening.SYSCTLS)
        found = self.shell.run(f"for file in {files}; do cat $file; done").split("\n")
        self.assertEqual(hardening.SYSCTLS, dict(zip(hardening.SYSCTLS, found)))

    def test_nobody_comes_in_without_it(self):
        self.assertNotEqual(0, publish(self.pi.address(MQTT), None, "home/door", "open").returncode)

    def test_the_login_is_in_no_log(self):
        # The shell's own output goes to another line than the console.
        found, status = self.shell.try_run(f"journalctl --no-pager | grep -c -- '{self.login[1]}'")
        self.assertEqual(("0", 1), (found.strip(), status))
        self.assertNotIn(self.login[1], self.pi.text())
