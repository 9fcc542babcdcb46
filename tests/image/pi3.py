# SPDX-License-Identifier: Apache-2.0 OR MIT
"""QEMU's Raspberry Pi 3: kernel and device tree of a Pi, its SD card, and a network over USB.

Not among the tests of every change, because it is slow: a Pi has four processors. What QEMU's board lacks: the firmware, a
watchdog that counts (this one resets at once, so that its driver is left out), the LED, Wi-Fi.
"""

import sys
import unittest
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "image"))

import card  # noqa: E402
import host  # noqa: E402
import machine  # noqa: E402
from boot import FOLDER  # noqa: E402
from clients import publish  # noqa: E402
from kinds import IMAGE  # noqa: E402

DISK = FOLDER / "pi3.img"
CARD_SIZE = 2048 * card.MIB
"""A power of two, which QEMU asks of an SD card."""
TREE = "bcm2837-rpi-3-b.dtb"
MQTT = 1883
LIMIT_S = 3000
OPEN_TO_ALL = b"version = 1\n[broker]\nallow_anonymous = true\n"


class Pi3(machine.Machine):
    """The card in a Raspberry Pi 3, whose second serial port is the console."""

    def _command(self):
        card.BootPartition(self.image).take(TREE, self.folder / TREE)
        self.extra_cmdline = "module_blacklist=bcm2835_wdt systemd.watchdog_sec=off"
        return ["setpriv", "--pdeathsig", "KILL", host.QEMU_SYSTEM, "-M", "raspi3b", "-accel", "tcg,thread=multi",
                "-display", "none", "-no-reboot", *self._kernel("ttyS1,115200"), "-dtb", self.folder / TREE,
                "-drive", f"file={self.image},format=raw,if=sd,cache=writeback",
                "-netdev", self._network(), "-device", "usb-net,netdev=net",
                "-serial", "null", "-serial", f"file:{self.console}", *self._monitor()]


class RaspberryPi3(unittest.TestCase):
    """One start, as far as it comes; the marks are in the order of the names."""

    @classmethod
    def setUpClass(cls):
        host.need_qemu_system()
        machine.copy_card(IMAGE, DISK, CARD_SIZE)
        cls.addClassCleanup(DISK.unlink)
        card.BootPartition(DISK).write("broker.toml", OPEN_TO_ALL)
        cls.pi = Pi3(DISK, FOLDER / cls.__name__, (MQTT,))
        cls.addClassCleanup(cls.pi.kill)
        cls.pi.start()

    def reaches(self, mark):
        self.pi.wait_for(mark, LIMIT_S)
        print(f"\n{mark}: after {self.pi.cpu_seconds():.0f} s of processor time", file=sys.stderr)

    def test_1_the_kernel_finds_the_board_the_card_and_the_root_file_system(self):
        self.reaches("Machine model: Raspberry Pi 3 Model B")
        self.reaches(r"mmcblk\d: p1 p2")
        self.reaches(r"EXT4-fs \(mmcblk\dp2\): mounted filesystem")

    def test_2_systemd_starts(self):
        self.reaches("Welcome to")

    def test_3_everything_that_starts_by_itself_has_started(self):
        self.reaches(r"Reached target \S*multi-user")

    def test_4_a_client_over_the_network_is_answered(self):
        sent = publish(self.pi.address(MQTT), None, "x", "y")
        self.assertEqual(0, sent.returncode, sent.stderr)
