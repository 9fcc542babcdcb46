# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The times inside a card: none tells when it was built, so that equal contents are equal bytes.

The programs that make file systems take the time from the environment, but for three times of every file in an ext4,
which are set here afterwards. `date` is in seconds since 1970 everywhere.
"""

import os
import re
import subprocess

_FIRST_OWN_INODE = 11
"""Those before it are the file system's, all but the root folder."""
_ROOT_INODE = 2


def environment(date):
    """What mkfs.vfat, mtools, mke2fs and debugfs must find in their environment."""
    return {**os.environ, "TZ": "UTC", "SOURCE_DATE_EPOCH": str(date), "E2FSPROGS_FAKE_TIME": str(date)}


def limit(tree, date):
    """Makes nothing below a folder, nor itself, younger than `date`."""
    for folder, folders, files in os.walk(tree, topdown=False):
        for path in [os.path.join(folder, name) for name in files + folders]:
            _limit(path, date)
    _limit(tree, date)


def settle(filesystem, date):
    """Gives all files of an unmounted ext4 (`path` or `path?offset=bytes`) `date` as the time of access, change and creation."""
    inodes = [number for number in _used_inodes(filesystem) if number >= _FIRST_OWN_INODE or number == _ROOT_INODE]
    commands = [f"set_inode_field <{number}> {field} @{date}\n" for number in inodes for field in ("atime", "ctime", "crtime")]
    subprocess.run(["debugfs", "-w", "-f", "-", filesystem], input="".join(commands), text=True, check=True,
                   capture_output=True, env=environment(date))


def _limit(path, date):
    if os.lstat(path).st_mtime > date:
        os.utime(path, (date, date), follow_symlinks=False)


def _used_inodes(filesystem):
    listing = subprocess.run(["dumpe2fs", filesystem], check=True, capture_output=True, text=True).stdout
    count = int(re.search(r"^Inode count: +(\d+)", listing, re.MULTILINE)[1])
    free = set()
    for ranges in re.findall(r"^  Free inodes: (.*)", listing, re.MULTILINE):
        for first, last in re.findall(r"(\d+)(?:-(\d+))?", ranges):
            free.update(range(int(first), int(last or first) + 1))
    return [number for number in range(1, count + 1) if number not in free]
