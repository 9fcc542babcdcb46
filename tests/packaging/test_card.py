# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The card as `broker-card.service` makes it, on disks of many sizes: divided at the first start, mounted at each, and never
taken for a new device's where what it keeps is damaged.

The service's program runs in the root file system of a card in a loop device, as its unit starts it; nothing else does.
"""

import shutil
import subprocess
import sys
import tempfile
import unittest
from contextlib import contextmanager
from pathlib import Path

import loop
from container import PROJECT, Container

sys.path.insert(0, str(PROJECT / "image"))

import card  # noqa: E402
import host  # noqa: E402

GB, GIB = 1000 ** 3, 1024 ** 3
SIZES = {2 * GB: None, 8 * GB: None, 16 * GB: 5.89, 32 * GB: 20.79}
"""Bytes of a card, as it is sold, and GiB of the partition for settings and messages."""
ROOT, RESERVE = 4 * GIB, 4.5 * GIB
KEPT = "of another device"
FOLDERS = ("etc/broker", "var/lib/broker", "var/lib/broker-provision", "var/log/mqtt-broker")
CHANGING = ("dd", "sfdisk", "blockdev", "partx", "mke2fs", "sync", "e2fsck", "mount")
"""The programs that the service changes the card with, or by which it looks: the power is cut before each call of one."""
CUT = "#!/bin/sh" + """
call=1
until mkdir "/run/cut/call-$call" 2>/dev/null; do call=$((call + 1)); done
[ "$call" != "$CUT" ] || kill -KILL 0
PATH=${PATH#*:}
exec "${0##*/}" "$@"
"""
WRITES_OF_MKFS = (1, 3, 30, 300)
"""The power is cut at these writes while the file system is made."""
START = """\
mount --bind /dev "$1/dev" && mount -t proc proc "$1/proc" && mount --rbind /sys "$1/sys" && mount -t tmpfs tmpfs "$1/run"
[ -z "$CUT" ] || cp -R "$2" "$1/run/cut"
$TRACE chroot "$1" /usr/lib/mqtt-broker/card >"$1/run/said" 2>&1
status=$?
eval "$THEN"
cat "$1/run/broker-card/fault" "$1/run/broker-card/layout" "$1/run/said" 2>&1
exit $status
"""


class Card:
    """A card in a loop device."""

    def __init__(self, image, shims):
        self.image, self.shims = image, shims
        self.node = loop.attach(image)

    def start(self, then="", cut="", trace=""):
        """Starts once and gives what the service told; the shell command `then` looks at the root `$1`. `cut` is the call before
        which the power is cut, `trace` a command that runs the service."""
        path = "/usr/sbin:/usr/bin:/sbin:/bin"
        environment = {"PATH": f"/run/cut:{path}" if cut else path, "CUT": str(cut), "TRACE": trace, "THEN": then}
        with tempfile.TemporaryDirectory(prefix="broker-card-", dir="/var/tmp") as folder:
            command = ["unshare", "--mount", "--propagation=private", "sh", "-c", f'mount {self.node}p2 "$1"\n{START}', "sh", folder, self.shims]
            return subprocess.run(command, capture_output=True, text=True, env=environment, start_new_session=True)

    def turn_off(self):
        """Leaves what was written, as a power cut does."""
        loop.detach(self.node)


class Layout(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="broker-cards-", dir="/var/tmp")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.flashed, cls.shims = cls.folder / "flashed.img", cls.folder / "shims"
        cls.shims.mkdir()
        for name in CHANGING:
            (cls.shims / name).write_text(CUT)
            (cls.shims / name).chmod(0o755)
        container = Container()
        try:
            container.install()
            card.make(cls.flashed, container.root, "c0ffee00", host.newest_entry()[1])
            shutil.rmtree(container.root.with_name(f"{container.root.name}.firmware"))
        finally:
            container.remove()

    def card(self, size):
        """The path of a card as it was flashed."""
        image = self.copy(self.flashed)
        with image.open("r+b") as file:
            file.truncate(size)
        return image

    def served(self):
        """A card of 16 GB that has started and keeps a file."""
        served = self.folder / "served.img"
        if not served.exists():
            self.start(self.card(16 * GB), then=f"echo {KEPT} >$1/etc/broker/kept").check_returncode()
            (self.folder / "card.img").rename(served)
        return self.copy(served)

    def flashed_again(self):
        """The same card, flashed anew."""
        image = self.served()
        subprocess.run(["dd", f"if={self.flashed}", f"of={image}", "bs=1M", "conv=notrunc,sparse", "status=none"], check=True)
        return image

    def copy(self, image):
        copy = self.folder / "card.img"
        subprocess.run(["cp", "--sparse=always", image, copy], check=True)
        return copy

    @contextmanager
    def running(self, image):
        running = Card(image, self.shims)
        try:
            yield running
        finally:
            running.turn_off()

    def start(self, image, **arguments):
        with self.running(image) as running:
            return running.start(**arguments)

    def assert_divided(self, image, done):
        """The layout of a card of 16 GB, its file systems without fault, everything in its place."""
        self.assertEqual(0, done.returncode, done.stdout)
        places = card.partitions(image)
        state = places[card.STATE]
        self.assertEqual((0x83, ROOT), (state.kind, places[card.ROOT].size))
        self.assertEqual(places[card.ROOT].offset + ROOT, state.offset)
        self.assertIn(f"state {state.size // card.MIB}\n", done.stdout)
        self.assertEqual([], faults(image))

    def test_every_size_of_card_is_divided_as_told(self):
        for size, expected in SIZES.items():
            with self.subTest(f"{size // GB} GB"):
                image = self.card(size)
                done = self.start(image, then=f"chroot $1 findmnt --noheadings --output=TARGET {' '.join('/' + folder for folder in FOLDERS)}; df -B1 $1 | tail -n 1")
                places = card.partitions(image)
                print(f"\n{size // GB} GB: " + ", ".join(f"p{number} {place.size / GIB:.2f} GiB" for number, place in places.items()), file=sys.stderr)
                self.assertEqual(0, done.returncode, done.stdout)
                if expected is None:
                    self.assertEqual([card.BOOT, card.ROOT], list(places))
                    self.assertEqual(size // 512 * 512, places[card.ROOT].offset + places[card.ROOT].size)
                    self.assertIn("root\n", done.stdout)
                    continue
                self.assert_divided(image, done)
                self.assertAlmostEqual(expected, places[card.STATE].size / GIB, 1)
                self.assertGreaterEqual(size - places[card.STATE].offset - places[card.STATE].size, RESERVE)

    def test_the_power_may_be_cut_before_every_step_and_nothing_of_another_device_comes_back(self):
        flashed, cuts = self.folder / "again.img", 0
        self.flashed_again().rename(flashed)
        for cut in range(1, 100):
            image = self.copy(flashed)
            done = self.start(image, cut=cut)
            if done.returncode != -9:
                break
            cuts += 1
            self.assertEqual([], faults(image))
            self.assert_new(image)
        self.assert_divided(image, done)
        print(f"\n{cuts} power cuts, one before each call of {', '.join(CHANGING)}", file=sys.stderr)
        self.assertGreater(cuts, 12)

    def test_the_power_may_be_cut_while_the_file_system_is_made(self):
        for write in WRITES_OF_MKFS:
            image = self.flashed_again()
            done = self.start(image, trace=f"strace -f -o /dev/null -e trace=pwrite64 -e inject=pwrite64:signal=KILL:when={write}")
            self.assertIn("could not be divided", done.stdout)
            self.assertEqual(0xDA, card.partitions(image)[card.STATE].kind)
            self.assert_new(image)

    def test_what_is_kept_is_there_at_the_next_start_and_the_table_stays(self):
        image = self.served()
        table = first_sector(image)
        done = self.start(image, then="cat $1/etc/broker/kept; chroot $1 findmnt --noheadings --output=TARGET,OPTIONS")
        self.assert_divided(image, done)
        self.assertIn(KEPT, done.stdout)
        for folder in FOLDERS:
            self.assertRegex(done.stdout, rf"/{folder} +rw,nosuid,nodev,noatime")
        self.assertEqual(table, first_sector(image))

    def test_a_card_that_is_divided_otherwise_is_left_alone(self):
        """One that an older version grew, and one on which the owner has made a partition."""
        for number, line in ((["--no-reread", "-N", "2"], ", +"), (["--append"], "start=8GiB, size=1GiB, type=83")):
            image = self.card(16 * GB)
            subprocess.run(["sfdisk", "--quiet", *number, image], input=f"{line}\n", text=True, check=True, capture_output=True)
            table = first_sector(image)
            done = self.start(image)
            self.assertEqual(0, done.returncode, done.stdout)
            self.assertIn("root\n", done.stdout)
            self.assertEqual(table, first_sector(image))

    def test_a_device_that_keeps_something_on_its_root_gets_no_other_place_for_it(self):
        image = self.card(16 * GB)
        with self.running(image) as running:
            commands = "mkdir /etc/broker\nwrite /etc/hostname /etc/broker/broker.toml\n"
            subprocess.run(["debugfs", "-w", "-f", "-", f"{running.node}p2"], input=commands, text=True, check=True, capture_output=True)
            done = running.start()
        self.assertIn("root\n", done.stdout)
        self.assertEqual([card.BOOT, card.ROOT], list(card.partitions(image)))

    def test_damage_is_never_a_new_device(self):
        for name, damage in DAMAGES.items():
            with self.subTest(name):
                image = self.served()
                damage(image, card.partitions(image)[card.STATE])
                table = first_sector(image)
                done = self.start(image, then="ls $1/run/broker-card $1/var/lib/mqtt-broker-state; ls -A $1/etc/broker")
                self.assertNotEqual(0, done.returncode, done.stdout)
                self.assertRegex(done.stdout, r"loop\d+p3 has errors that e2fsck does not repair by itself\n")
                self.assertNotRegex(done.stdout, r"(?m)^(layout|kept|etc)$")
                self.assertEqual(table, first_sector(image))

    def assert_new(self, image):
        """The next start divides it, as if nothing had been before."""
        done = self.start(image, then="ls -A $1/etc/broker")
        self.assert_divided(image, done)
        self.assertNotIn("kept", done.stdout)


def faults(image):
    """What e2fsck finds wrong with the file systems in use of a card that does not run."""
    found = []
    for place in card.partitions(image).values():
        if place.kind == 0x83:
            checked = subprocess.run(["e2fsck", "-f", "-n", f"{image}?offset={place.offset}"], capture_output=True, text=True)
            found += [checked.stdout + checked.stderr] if checked.returncode else []
    return found


def first_sector(image):
    with image.open("rb") as file:
        return file.read(512)


def lose_a_folder(image, place):
    """Errors that only a person should decide about, on a file system that asks to be checked."""
    commands = "clri /etc\nset_super_value state 2\n"
    subprocess.run(["debugfs", "-w", "-f", "-", f"{image}?offset={place.offset}"], input=commands, text=True, check=True, capture_output=True)


def erase(image, place):
    """Nothing is left of it."""
    subprocess.run(["fallocate", "--punch-hole", f"--offset={place.offset}", f"--length={place.size}", image], check=True)


DAMAGES = {"a folder is lost": lose_a_folder, "everything is lost": erase}


def setUpModule():
    host.require_root("loop devices")
    host.need("cards in loop devices", "strace=strace", "mcopy=mtools", "mkfs.vfat=dosfstools", "sfdisk=fdisk", "losetup=mount")


if __name__ == "__main__":
    unittest.main()
