# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What stops the build of the Raspberry Pi OS image, and that it stops at once, with one line and nothing left behind.

The build itself takes half an hour and needs a checkout of pi-gen; docs/raspios.md tells how it went.
"""

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "image"), str(PROJECT / "image" / "standins")]

import description  # noqa: E402
import kernel  # noqa: E402
import pigen  # noqa: E402
import repository  # noqa: E402

BUILD = PROJECT / "image" / "raspios"
DEBS = ("mqtt-broker_1_arm64.deb", "mqtt-broker-provisioner_1_arm64.deb", "mqtt-broker-appliance_1_all.deb")
HOST = PROJECT / "image" / "standins" / "host"
NO_NETWORK = ["unshare", "--net"]


class Build(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="broker-raspios-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.work, self.debs = self.folder / "work", self.folder / "debs"
        self.debs.mkdir()
        for name in DEBS:
            (self.debs / name).touch()
        self.before = _mounts_and_loops()

    def test_without_root_it_says_so(self):
        self.folder.chmod(0o755)
        self._stops("needs root", before=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])

    def test_a_missing_package_is_named_with_what_makes_it(self):
        (self.debs / DEBS[1]).unlink()
        self._stops("mqtt-broker-provisioner_*_arm64.deb", "make debs")

    def test_two_versions_of_a_package_are_not_chosen_from(self):
        (self.debs / "mqtt-broker_2_arm64.deb").touch()
        self._stops("mqtt-broker_*_arm64.deb", "found mqtt-broker_", ", mqtt-broker_", "remove the old ones")

    def test_too_little_room_is_told_before_anything_is_built(self):
        self._stops("0.1 GiB free", "--work", before=["unshare", "--mount", "sh", "-euc", "mkdir -p $1; mount -t tmpfs "
                                                      "-o size=100M tmpfs $1; shift; exec \"$@\"", "sh", self.work])

    def test_stages_of_an_earlier_build_must_be_there_to_be_kept(self):
        self._stops("--again needs", arguments=["--again"])

    def test_a_mirror_that_does_not_answer_is_named(self):
        self._stops("deb.debian.org does not answer", before=NO_NETWORK)

    def _stops(self, *parts, before=(), arguments=()):
        command = [*before, BUILD, "--standins", "--debs", self.debs, "--work", self.work, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        self.assertNotEqual(0, done.returncode)
        self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)
        self.assertEqual(self.before, _mounts_and_loops())
        self.assertEqual([], [path for path in self.folder.rglob("*") if path.is_file() and path.parent != self.debs])


class Checkout(unittest.TestCase):
    """A repository that takes the place of pi-gen's; its commit is the pinned one, for these tests."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.checkout, self.clone = Path(folder.name) / "given", Path(folder.name) / "clone"
        for skipped in pigen.SKIPPED:
            (self.checkout / skipped).parent.mkdir(parents=True, exist_ok=True)
            (self.checkout / skipped).with_name("README").touch()
        (self.checkout / "build.sh").write_text("exit 0\n")
        self._git("init", "--quiet")
        self._git("add", ".")
        self._git("commit", "--quiet", "--message=first")
        commit = self._git("rev-parse", "HEAD").stdout.strip()
        patched = mock.patch.object(pigen, "pin", lambda: {"commit": commit})
        patched.start()
        self.addCleanup(patched.stop)

    def test_the_build_takes_a_clone_and_only_skips(self):
        pigen.clone(self.checkout, self.clone)
        self.assertEqual("exit 0\n", (self.clone / "build.sh").read_text())
        self.assertTrue(all((self.clone / name).exists() for name in pigen.SKIPPED))
        self.assertEqual("", self._git("status", "--porcelain").stdout)

    def test_another_commit_is_refused_with_the_command_that_helps(self):
        self._git("commit", "--quiet", "--allow-empty", "--message=second")
        self._refused("not at", f"git -C {self.checkout} checkout")

    def test_an_edited_file_is_refused_by_its_name(self):
        (self.checkout / "build.sh").write_text("exit 1\n")
        self._refused("is edited", "build.sh")

    def test_a_folder_that_is_no_checkout_is_refused(self):
        subprocess.run(["rm", "-r", self.checkout / ".git"], check=True)
        self._refused("is no checkout")

    def _refused(self, *parts):
        with self.assertRaises(SystemExit) as ended:
            pigen.clone(self.checkout, self.clone)
        for part in parts:
            self.assertIn(part, str(ended.exception))
        self.assertFalse(self.clone.exists())

    def _git(self, *arguments):
        who = ["-c", "user.name=nobody", "-c", "user.email=nobody@invalid"]
        return subprocess.run(["git", "-C", self.checkout, *who, *arguments], check=True, capture_output=True, text=True)


class Kernel(unittest.TestCase):
    """What stands in for a kernel without vfat and MSDOS partitions, tried on any kernel; and what is left of loop devices."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="broker-raspios-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_a_build_that_was_interrupted_leaves_neither_loop_device_nor_half_an_image(self):
        (self.folder / "export-image").mkdir()
        image = self.folder / "export-image" / "half.img"
        image.write_bytes(bytes(4 << 20))
        subprocess.run(["losetup", "--find", image], check=True)
        self.assertNotEqual([], _mounts_and_loops())
        loader = importlib.machinery.SourceFileLoader("raspios", str(BUILD))
        build = importlib.util.module_from_spec(importlib.util.spec_from_loader("raspios", loader))
        loader.exec_module(build)
        build._leave_nothing(self.folder)
        self.assertEqual([], [line for line in _mounts_and_loops() if self.folder.name in line])
        self.assertFalse(image.exists())

    @unittest.skipIf(os.geteuid() == 0 and kernel.reads_partitions(), "this kernel needs no help")
    def test_the_partitions_of_an_image_are_there_and_go_with_it(self):
        image = self.folder / "disk.img"
        image.write_bytes(bytes(8 << 20))
        subprocess.run(["sfdisk", "--quiet", image], input=b"label: dos\nsize=1MiB\nsize=1MiB\n", check=True)
        losetup = HOST / "partitions" / "losetup"
        device = subprocess.run([losetup, "--show", "--find", "--partscan", image], check=True, capture_output=True, text=True).stdout.strip()
        parts = [Path("/sys/block") / Path(device).name / f"{Path(device).name}p{number}" for number in (1, 2)]
        self.assertEqual([True, True], [part.exists() for part in parts])
        subprocess.run([losetup, "-d", device], check=True)
        self.assertEqual([False, False], [part.exists() for part in parts])

    def test_what_is_written_below_a_mounted_fat_is_on_it_afterwards(self):
        image, folder = self.folder / "fat.img", self.folder / "mounted"
        folder.mkdir()
        subprocess.run(["mkfs.vfat", "-C", "-F", "32", "-n", "bootfs", "-i", "12345678", image, str(64 << 10)], check=True, capture_output=True)
        subprocess.run(["mcopy", "-i", image, "-", "::old.txt"], check=True, input=b"old")
        device = subprocess.run(["losetup", "--show", "--find", image], check=True, capture_output=True, text=True).stdout.strip()
        self.addCleanup(subprocess.run, ["losetup", "--detach", device], check=True)
        # mount itself would take the kernel's vfat where there is one.
        steps = '"$1"/mount.vfat "$2" "$3"; mv "$3"/old.txt "$3"/new.txt; mkdir "$3"/overlays; echo more >"$3"/overlays/one; "$1"/umount.standin "$3"'
        subprocess.run(["unshare", "--mount", "sh", "-euc", steps, "sh", HOST / "vfat", device, folder], check=True)
        listing = subprocess.run(["mdir", "-/", "-b", "-i", image, "::"], check=True, capture_output=True, text=True).stdout
        self.assertEqual(["::/new.txt", "::/overlays/", "::/overlays/one"], sorted(listing.split()))
        told = subprocess.run(["blkid", "--probe", "--output=value", image], check=True, capture_output=True, text=True).stdout.split()
        self.assertLessEqual({"bootfs", "1234-5678"}, set(told))


class StandIns(unittest.TestCase):
    def test_there_is_an_empty_package_for_each_name_and_an_index_of_them(self):
        with tempfile.TemporaryDirectory() as folder:
            repository.build(Path(folder) / "repository")
            index = (Path(folder) / "repository" / "Packages").read_text()
            with repository.served(Path(folder) / "repository", 0) as source:
                self.assertRegex(source, r"^deb \[trusted=yes\] http://127\.0\.0\.1:\d+/ \./$")
        named = [line.removeprefix("Package: ") for line in index.splitlines() if line.startswith("Package: ")]
        self.assertEqual(sorted(repository.packages()), sorted(named))
        self.assertIn("Description: stand-in for raspi-firmware", index)

    def test_none_of_them_is_among_what_all_images_need(self):
        self.assertEqual(set(), set(repository.packages()) & set(description.packages_on_raspios()))


def _mounts_and_loops():
    loops = subprocess.run(["losetup", "--all", "--noheadings", "--output=BACK-FILE"], check=True, capture_output=True, text=True).stdout
    lines = [*Path("/proc/self/mounts").read_text().splitlines(), *loops.splitlines()]
    return [line for line in lines if "/broker-raspios-" in line]


if __name__ == "__main__":
    unittest.main()
