# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Equal contents are equal bytes: the image made once more, at another time and with other habits of the machine."""

import filecmp
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "image"))

import card  # noqa: E402
import host  # noqa: E402
import times  # noqa: E402

IMAGE = host.TARGET / "mqtt-broker-appliance.img"
DATE = 1_700_000_000


class Image(unittest.TestCase):
    def test_made_twice_it_is_the_same(self):
        with tempfile.TemporaryDirectory(prefix="again-", dir=host.TARGET) as folder:
            again = Path(folder, "again.img")
            subprocess.run(["sh", "-c", 'umask 077 && exec "$@"', "sh", PROJECT / "image" / "assemble", "--image", again], check=True,
                           capture_output=True, env={**os.environ, "TZ": "Asia/Tokyo", "LC_ALL": "C"})
            self.assertTrue(filecmp.cmp(IMAGE, again, shallow=False), "image/assemble made another image of the same packages")


class Card(unittest.TestCase):
    """A small tree instead of a root file system."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_neither_the_order_nor_the_time_of_writing_shows(self):
        names = ["boot/firmware/config.txt", "boot/firmware/overlays/b.dtbo", "boot/firmware/overlays/a.dtbo", "etc/hostname", "usr/long"]
        cards = [self._card(f"card-{number}", order) for number, order in enumerate((names, reversed(names)))]
        self.assertTrue(filecmp.cmp(*cards, shallow=False))

    def test_no_time_in_it_is_later_than_its_date(self):
        made = self._card("card", ["boot/firmware/config.txt", "etc/hostname"])
        part = f"{made}?offset={card.root(made).offset}"
        shown = subprocess.run(["debugfs", "-R", "stat /etc/hostname", part], check=True, capture_output=True, text=True).stdout
        for name in ("ctime", "atime", "mtime", "crtime"):
            self.assertIn(f"{name}: {DATE:#x}", shown)
        checked = subprocess.run(["e2fsck", "-f", "-n", part], capture_output=True, text=True)
        self.assertEqual(0, checked.returncode, checked.stdout)

    def test_what_is_older_keeps_its_time(self):
        path = self.folder / "old"
        path.touch()
        os.utime(path, (DATE - 5, DATE - 5))
        times.limit(self.folder, DATE)
        self.assertEqual([DATE - 5, DATE], [int(item.stat().st_mtime) for item in (path, self.folder)])

    def _card(self, name, files):
        tree = self.folder / name
        for file in files:
            path = tree / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file * 1000)
            path.chmod(0o644)
        image = self.folder / f"{name}.img"
        card.make(image, tree, "0badcafe", DATE)
        return image


if __name__ == "__main__":
    unittest.main()
