# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What the built image contains, read from its two partitions without starting it."""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "image"))

import card  # noqa: E402
from kinds import IMAGE, kind, passwords, strangers  # noqa: E402


class RootFileSystem(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="broker-root-", dir="/var/tmp")
        cls.addClassCleanup(folder.cleanup)
        cls.root = Path(folder.name)
        subprocess.run(["debugfs", "-R", f"rdump / {cls.root}", f"{IMAGE}?offset={card.root(IMAGE).offset}"],
                       check=True, capture_output=True)

    def test_every_file_of_ours_belongs_to_a_package(self):
        owned = set()
        for files in (self.root / "var/lib/dpkg/info").glob("*.list"):
            owned.update(re.sub(r"^/(bin|sbin|lib)/", r"/usr/\1/", line) for line in files.read_text().splitlines())
        self.assertIn("/usr/bin/broker", owned)
        self.assertEqual([], strangers(self._files(), owned))

    def test_nobody_has_a_password_or_comes_in_without_one(self):
        self.assertEqual([], passwords((self.root / "etc/shadow").read_text()))

    def test_only_what_an_appliance_needs_starts(self):
        folder = self.root / "etc/systemd/system"
        wants = {wanted.name: set(os.listdir(wanted)) for wanted in folder.glob("*.wants")}
        self.assertEqual(kind().enabled, {name: units for name, units in wants.items() if units})

    def test_nothing_else_configures_the_machine_or_lets_somebody_in(self):
        for name in ("cloud-init", "userconf", "rpi-preseed", "telnetd"):
            found = [path for path in self._files() if Path(path).name in (name, f"{name}.service")]
            self.assertEqual([], found, name)

    def test_a_generated_configuration_is_not_shipped(self):
        self.assertFalse((self.root / "etc/broker/broker.toml").exists())

    def test_the_identity_is_left_to_the_device(self):
        self.assertIn((self.root / "etc/machine-id").read_text(), ("", "uninitialized\n"))
        self.assertEqual([], [path for path in self._files() if "ssh_host_" in path or path.endswith("/random-seed")])

    def test_nothing_tells_where_it_was_built(self):
        # pi-gen's export names a public server there, until NetworkManager writes that of the network.
        resolver = self.root / "etc/resolv.conf"
        self.assertIn(resolver.read_text() if resolver.exists() else "", ("", "nameserver 8.8.8.8\n"))
        sources = "".join(path.read_text() for path in (self.root / "etc/apt/sources.list.d").iterdir())
        self.assertIn("deb.debian.org", sources)
        self.assertLessEqual(set(re.findall(r"\w+://([^/\s]+)", sources)), {"deb.debian.org", *kind().archives})
        self.assertEqual("broker\n", (self.root / "etc/hostname").read_text())

    def _files(self):
        """Every file and link, as an absolute path inside the image."""
        for folder, folders, files in os.walk(self.root):
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            yield from ("/" + os.path.relpath(os.path.join(folder, name), self.root) for name in files + links)


class BootPartition(unittest.TestCase):
    def setUp(self):
        self.boot = card.BootPartition(IMAGE)

    def test_the_card_has_the_two_partitions_a_pi_expects(self):
        table = json.loads(subprocess.run(["sfdisk", "--json", IMAGE], check=True, capture_output=True).stdout)
        told = [(int(part["type"], 16), part["start"] * 512, part["size"] * 512) for part in table["partitiontable"]["partitions"]]
        places = list(card.partitions(IMAGE).values())
        self.assertEqual([0xC, 0x83], [place.kind for place in places])
        self.assertEqual(told, [(place.kind, place.offset, place.size) for place in places])
        self.assertEqual(["bootfs", "rootfs"], [self._label(place.offset) for place in places])

    def test_the_shipped_broker_toml_sets_only_its_version(self):
        lines = self.boot.read("broker.toml").decode().splitlines()
        self.assertEqual(["version = 1"], [line for line in lines if line and not line.startswith("#")])

    def test_every_editor_shows_the_lines(self):
        for name in ("broker.toml", "README.txt"):
            content = self.boot.read(name)
            self.assertEqual(content.count(b"\n"), content.count(b"\r\n"), name)
            self.assertTrue(content.isascii(), name)

    def test_the_manual_is_there_and_is_the_packages(self):
        self.assertIn(b"<title>MQTT broker: the owner's manual</title>", self.boot.read("MANUAL.html"))

    def test_the_firmware_finds_what_it_starts(self):
        names, needed = self.boot.names(), list(self.boot.started())
        # A test image, which says so itself, has the kernel alone.
        if "issue.txt" not in names or b"TEST IMAGE" not in self.boot.read("issue.txt"):
            needed += ["bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat"]
            needed += ["bcm2837-rpi-3-b.dtb", "bcm2837-rpi-zero-2-w.dtb", "bcm2711-rpi-4-b.dtb"]
        self.assertEqual([], [name for name in needed if name not in names])

    def test_the_command_line_is_for_any_pi_and_has_no_back_door(self):
        words = self.boot.read("cmdline.txt").decode().split()
        self.assertEqual(1, sum(bool(re.fullmatch(kind().root, word)) for word in words), words)
        self.assertEqual([], [word for word in words if re.match(r"cma=|init=|systemd\.|single|rd\.", word)])

    def _label(self, offset):
        return subprocess.run(["blkid", "--probe", "--output=value", "--match-tag=LABEL", f"--offset={offset}", IMAGE],
                              check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    unittest.main()
