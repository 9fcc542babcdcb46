# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The SD card as a file: where its partitions lie, how ours are made, and access to the boot partition.

Neither mounts nor loop devices are used: mtools and the mkfs programs write into the image file itself.
"""

import re
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import host
import times

MIB = 1024 * 1024
BOOT, ROOT, STATE = 1, 2, 3
"""The numbers of a card's partitions: what a Pi's firmware reads, the root file system, and, on a card that has started, settings and messages."""

_BOOT_OFFSET = 4 * MIB
_BOOT_SIZE = 512 * MIB
"""Two kernels with their initial RAM disks fit, as an upgrade needs."""
_ROOT_SLACK = 256 * MIB
"""Room for the state written before the first boot has grown the root."""

_SECTOR = 512
_TABLE = 446
"""Where the four entries of an MBR begin."""
_ENTRY = struct.Struct("<4xB3xII")
"""Of an entry: kind, first sector, number of sectors."""
_FAT32 = struct.Struct("<11xHBHB19xI")
"""Of a boot sector: bytes of a sector, sectors of a cluster, reserved sectors, tables, and sectors of a table."""
TOOLS = ("mcopy=mtools", "mkfs.vfat=dosfstools", "sfdisk=fdisk", "mke2fs=e2fsprogs")


@dataclass(frozen=True)
class Partition:
    """One entry of the partition table, in bytes."""

    kind: int
    offset: int
    size: int


def partitions(image):
    """The entries in use of an image's partition table, by their numbers; other tables than an MBR are a ValueError."""
    with open(image, "rb") as card:
        sector = card.read(_SECTOR)
    if sector[510:] != b"\x55\xaa":
        raise ValueError(f"{image} does not begin with an MBR")
    entries = enumerate(_ENTRY.iter_unpack(sector[_TABLE:_TABLE + 4 * _ENTRY.size]), 1)
    return {number: Partition(kind, start * _SECTOR, sectors * _SECTOR) for number, (kind, start, sectors) in entries if kind}


def root(image):
    """The partition of the root file system."""
    return partitions(image)[ROOT]


class BootPartition:
    """The FAT partition `bootfs` inside an image file, as the owner of the card sees it."""

    def __init__(self, image):
        """The table is read once: this partition never moves."""
        self.image = Path(image)
        self.place = partitions(image)[BOOT]

    def names(self):
        """The names of the files at its top."""
        listing = self._mtools("mdir", "-b", "::").stdout.decode()
        return [line.removeprefix("::/").rstrip("/") for line in listing.splitlines() if line]

    def read(self, name):
        """The bytes of one file."""
        return self._mtools("mtype", f"::{name}").stdout

    def write(self, name, content):
        """Replaces one file."""
        self._mtools("mcopy", "-o", "-", f"::{name}", input=content)

    def take(self, name, destination):
        """Copies one file out."""
        self._mtools("mcopy", "-n", "-o", f"::{name}", str(destination))

    def started(self):
        """The names of the kernel and of its initial RAM disk that a Pi's firmware starts, by what config.txt says."""
        settings = self.read("config.txt").decode()
        kernel = re.search(r"^kernel=(\S+)", settings, re.M)
        if re.search(r"^auto_initramfs=1", settings, re.M) and not kernel:
            return "kernel8.img", "initramfs8"
        return kernel[1], re.search(r"^initramfs (\S+)", settings, re.M)[1]

    def fill(self, folder, date):
        """Copies everything in a folder to its top, in the order of its names; folders made here are of `date`."""
        below = [path for path in sorted(folder.rglob("*")) if path.is_dir()]
        for source in [folder, *below]:
            place = "::" if source == folder else f"::{source.relative_to(folder)}"
            if source != folder:
                self._mtools("mmd", place, env=times.environment(date))
            if files := [path for path in sorted(source.iterdir()) if not path.is_dir()]:
                self._mtools("mcopy", "-m", "-Q", *files, place, env=times.environment(date))

    def clusters(self, name):
        """The bytes of all clusters of one file, with what stands behind its end."""
        listing = self._mtools("mshowfat", f"::{name}").stdout.decode()
        ranges = [(int(first), int(last or first)) for first, last in re.findall(r"<(\d+)(?:-(\d+))?>", listing)]
        with self.image.open("rb") as card:
            card.seek(self.place.offset)
            sector, per_cluster, reserved, fats, per_fat = _FAT32.unpack(card.read(_FAT32.size))
            size, first_data = sector * per_cluster, (reserved + fats * per_fat) * sector
            pieces = []
            for first, last in ranges:
                # The data begins with cluster 2.
                card.seek(self.place.offset + first_data + (first - 2) * size)
                pieces.append(card.read((last - first + 1) * size))
        return b"".join(pieces)

    def contains(self, text):
        """Whether the bytes stand anywhere in the partition, in files, slack or freed space."""
        with self.image.open("rb") as card:
            card.seek(self.place.offset)
            left, tail = self.place.size, b""
            while left and (chunk := card.read(min(left, 8 * MIB))):
                left -= len(chunk)
                if text in tail + chunk:
                    return True
                tail = chunk[-len(text) + 1:]
        return False

    def _mtools(self, tool, *arguments, **options):
        command = [tool, "-i", f"{self.image}@@{self.place.offset}", *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, **options)


def write_to_root(image, program, path):
    """Puts a program onto the root file system of a card that does not run."""
    commands = f"write {program} {path}\nset_inode_field {path} mode 0100755\n"
    _run("debugfs", "-w", "-f", "-", f"{image}?offset={root(image).offset}", input=commands.encode())


def make(image, tree, identity, date):
    """Writes a card with the files below `tree`, whose boot/firmware becomes the boot partition, as a sparse file.

    Equal contents give equal bytes: `identity` is eight hexadecimal digits for the disk and its volumes, and no time in
    it is later than `date`.
    """
    firmware, stash = tree / "boot" / "firmware", tree.with_name(tree.name + ".firmware")
    firmware.rename(stash)
    firmware.mkdir(mode=0o755)
    for folder in (tree, stash):
        times.limit(folder, date)
    used = int(subprocess.run(["du", "-s", "-B1", tree], check=True, capture_output=True, text=True).stdout.split()[0])
    root_size = (used + used // 8 + _ROOT_SLACK) // MIB * MIB
    with image.open("wb") as card:
        card.truncate(_BOOT_OFFSET + _BOOT_SIZE + root_size)
    _partition(image, identity)
    made = partitions(image)
    environment = times.environment(date)
    _run("mkfs.vfat", "--invariant", "-F", "32", "-n", "bootfs", "-i", identity, f"--offset={made[BOOT].offset // _SECTOR}",
         image, made[BOOT].size // 1024, env=environment)
    BootPartition(image).fill(stash, date)
    uuid = f"{identity}-0000-4000-8000-000000000002"
    _run("mke2fs", "-q", "-F", "-t", "ext4", "-L", "rootfs", "-U", uuid, "-m", "1",
         "-E", f"offset={made[ROOT].offset},root_owner=0:0,hash_seed={uuid}", "-d", tree, image, f"{made[ROOT].size // 1024}k", env=environment)
    times.settle(f"{image}?offset={made[ROOT].offset}", date)


def _partition(image, identity):
    table = (f"label: dos\nlabel-id: 0x{identity}\n"
             f"start={_BOOT_OFFSET // MIB}MiB, size={_BOOT_SIZE // MIB}MiB, type=c, bootable\n"
             f"start={(_BOOT_OFFSET + _BOOT_SIZE) // MIB}MiB, type=83\n")
    _run("sfdisk", "--quiet", image, input=table.encode())


def _run(*command, **options):
    """Runs a tool whose remarks matter only if it fails."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if done.returncode:
        host.fail(f"{command[0]} failed:\n{done.stdout.decode()}")
