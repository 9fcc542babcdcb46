# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What a release says to Raspberry Pi Imager and to flashers, and what stops a build before it has begun."""

import re
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "image"))

import blockmap  # noqa: E402
import cache  # noqa: E402
import card  # noqa: E402
import host  # noqa: E402
import imager  # noqa: E402

CARD = imager.Card("debian", 1 << 30, "0a" * 32, 1 << 27, "1b" * 32)
URL = "https://releases.example.org/mqtt"


class ForImager(unittest.TestCase):
    def setUp(self):
        self.listing = imager.os_list(CARD, f"{URL}/0.1.0", "card.img", "2026-11-23")
        self.entry = self.listing["os_list"][0]

    def test_the_list_has_what_imager_asks_for(self):
        self.assertEqual([], imager.problems(self.listing))
        self.assertEqual(f"{URL}/0.1.0/card.img.xz", self.entry["url"])
        self.assertEqual((1 << 30, "0a" * 32), (self.entry["extract_size"], self.entry["extract_sha256"]))

    def test_every_tag_is_offered_by_a_device_on_either_image(self):
        for kind in imager.TAGS:
            listing = imager.os_list(imager.Card(kind, 1, "0a" * 32, 1, "1b" * 32), URL, "card.img", "2026-11-23")
            offered = {tag for device in listing["imager"]["devices"] for tag in device["tags"]}
            self.assertEqual(set(listing["os_list"][0]["devices"]), offered)

    def test_only_the_image_of_raspberry_pi_os_is_offered_to_a_pi_5(self):
        self.assertNotIn("pi5-64bit", self.entry["devices"])
        self.assertIn("pi5-64bit", imager.TAGS["raspios"])

    def test_no_version_of_imager_asks_for_users_and_networks(self):
        self.assertEqual("none", self.entry["init_format"])

    def test_what_imager_would_stumble_over_is_named(self):
        faults = {"extract_sha256": "0A" * 32, "devices": ["pi9"], "url": "http://example.org/card.img.xz", "init_format": "own",
                  "release_date": "23.11.2026", "extract_size": 0}
        for name, value in faults.items():
            listing = {**self.listing, "os_list": [{**self.entry, name: value}]}
            self.assertEqual(1, len(imager.problems(listing)), name)
        for name in imager.REQUIRED:
            listing = {**self.listing, "os_list": [{key: value for key, value in self.entry.items() if key != name}]}
            self.assertIn(f"`{name}` is missing", imager.problems(listing))

    def test_a_deep_link_is_one_that_imager_takes(self):
        self.assertEqual(f"rpi-imager://open?repo={URL}/os_list.json", imager.deep_link(f"{URL}/os_list.json"))

    def test_an_address_of_releases_is_https_and_plain(self):
        self.assertTrue(imager.is_address(URL))
        for wrong in ("http://example.org", f"{URL}/", "https://example.org/a b", "https://example.org/?x", "", f"{URL}\n"):
            self.assertFalse(imager.is_address(wrong), wrong)


class BlockMap(unittest.TestCase):
    def test_everything_that_a_file_system_uses_is_mapped_and_nothing_else(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            firmware = folder / "tree/boot/firmware"
            firmware.mkdir(parents=True)
            (firmware / "config.txt").write_text("x")
            (folder / "tree/content").write_bytes(b"y" * 5_000_000)
            image = folder / "card.img"
            card.make(image, folder / "tree", "0badcafe", 1_700_000_000)
            blockmap.write(image, folder / "card.bmap", folder / "copy")
            # What was on the card before must not come through anywhere.
            flashed = folder / "flashed.img"
            flashed.write_bytes(b"\xa5" * image.stat().st_size)
            subprocess.run(["bmaptool", "--quiet", "copy", "--bmap", folder / "card.bmap", image, flashed], check=True, capture_output=True)
            self.assertEqual([b"x", {"content", "lost+found", "boot"}], [card.BootPartition(flashed).read("config.txt"), _names(flashed)])
            part = f"{flashed}?offset={card.root(flashed).offset}"
            self.assertEqual(0, subprocess.run(["e2fsck", "-f", "-n", part], capture_output=True).returncode)
            fat = ["fsck.vfat", "-n", _taken(flashed, card.partitions(flashed)[card.BOOT], folder / "fat")]
            self.assertEqual(0, subprocess.run(fat, capture_output=True).returncode)
            written = sum(int(last) - int(first) + 1 for first, last in
                          re.findall(r">\s*(\d+)-(\d+)\s*<", (folder / "card.bmap").read_text()))
            self.assertLess(written * 4096, image.stat().st_size // 4)
            self.assertFalse((folder / "copy").exists())


class BadInput(unittest.TestCase):
    """Each ends at once with one line on what to do, and nothing is left behind."""

    def test_without_root(self):
        for program in ("release", "rootfs.py"):
            # The build's own files stay readable for whoever is nobody here only by name.
            arguments = ["--fresh"] if program == "rootfs.py" else []
            done = self._run("unshare", "--user", PROJECT / "image" / program, *arguments)
            self.assertIn("needs root. Please run it with sudo.", self._line(done))

    def test_a_package_that_is_missing_or_there_twice(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            self.assertIn("need one mqtt-broker_*_arm64.deb", self._line(self._assemble(folder)))
            for version in "12":
                (folder / f"mqtt-broker_{version}_arm64.deb").touch()
            said = self._line(self._assemble(folder))
            self.assertIn("found mqtt-broker_1_arm64.deb, mqtt-broker_2_arm64.deb: please remove the old ones", said)
            self.assertFalse((folder / "card.img").exists())

    def test_no_room_on_the_disk(self):
        with tempfile.TemporaryDirectory() as name:
            for package in ("mqtt-broker_1_arm64", "mqtt-broker-provisioner_1_arm64", "mqtt-broker-appliance_1_all"):
                Path(name, f"{package}.deb").touch()
            full = Path(name, "full")
            full.mkdir()
            done = self._run("unshare", "--mount", "sh", "-euc", 'mount -t tmpfs -o size=1M tmpfs "$1" && shift && exec "$@"', "sh", full,
                             PROJECT / "image/assemble", "--debs", name, "--image", full / "card.img")
            self.assertRegex(self._line(done), r"needs \d+ MiB in .*full, and [01] MiB are free. Please make room.")

    def test_a_mirror_that_does_not_answer(self):
        # Port 9 of this machine: nobody listens.
        with self.assertRaisesRegex(SystemExit, "does not answer: http://127.0.0.1:9/debian/dists/trixie/InRelease.*see to the network"):
            host.require_mirror("http://127.0.0.1:9/debian", "trixie")

    def test_an_address_or_a_key_that_cannot_be(self):
        self.assertIn("must be an https address", self._line(self._run(PROJECT / "image/release", "--url", "http://example.org")))
        self.assertIn("is no fingerprint", self._line(self._run(PROJECT / "image/release", "--key", "somebody")))
        self.assertIn("gpg cannot sign with", self._line(self._run(PROJECT / "image/release", "--key", "0" * 40)))
        self.assertFalse(list((PROJECT / "target/release-files").glob(".*.partial")))

    def test_an_interrupted_build_leaves_neither_processes_nor_mounts_nor_half_an_image(self):
        for number in (signal.SIGINT, signal.SIGKILL):
            with tempfile.TemporaryDirectory(dir=host.TARGET) as name:
                image = Path(name, "card.img")
                with subprocess.Popen([PROJECT / "image/assemble", "--image", image], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      text=True, start_new_session=True) as build:
                    # dpkg is at work in the root file system now.
                    next(line for line in build.stdout if line.startswith("Unpacking"))
                    build.send_signal(number)
                    # The pipe ends with the last process that holds it.
                    build.stdout.read()
                self.assertNotEqual(0, build.returncode)
                self.assertNotIn(str(host.TARGET), Path("/proc/self/mountinfo").read_text())
                self.assertNotIn(str(host.TARGET), subprocess.run(["losetup", "--all"], check=True, capture_output=True, text=True).stdout)
                self.assertEqual([], [path.name for path in Path(name).iterdir()])

    def test_what_a_killed_program_left_goes_away_with_the_next_build(self):
        with tempfile.TemporaryDirectory() as name:
            # No process has this number: it is above the kernel's highest.
            left = Path(name, f".{1 << 23}.card.img")
            left.touch()
            with cache.replacing(Path(name, "card.img")) as temporary:
                temporary.touch()
            self.assertEqual(["card.img"], sorted(path.name for path in Path(name).iterdir()))

    def _assemble(self, folder):
        return self._run(PROJECT / "image/assemble", "--debs", folder, "--image", folder / "card.img")

    def _run(self, *command):
        return subprocess.run(command, capture_output=True, text=True)

    def _line(self, done):
        """The only line on stderr of a program that failed."""
        self.assertNotEqual(0, done.returncode)
        self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
        return done.stderr


def _names(image):
    """What is at the top of the root file system."""
    part = f"{image}?offset={card.root(image).offset}"
    shown = subprocess.run(["debugfs", "-R", "ls -p /", part], check=True, capture_output=True, text=True).stdout
    return {line.split("/")[5] for line in shown.splitlines() if line} - {".", ".."}


def _taken(image, part, output):
    """One partition as a file of its own."""
    with open(image, "rb") as source:
        source.seek(part.offset)
        output.write_bytes(source.read(part.size))
    return output


if __name__ == "__main__":
    unittest.main()
