# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The log that QEMU's blklogwrites keeps of a disk, in the format of the kernel's dm-log-writes, and the disk it makes at any point.

Little endian, sectors of 512 bytes: a superblock, then for each finished request a sector that describes it and its data.
"""

import random
import struct
from dataclasses import dataclass

SECTOR = 512
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
_MAGIC = 0x6A736677736872
_SUPERBLOCK = struct.Struct("<QQQI")
_ENTRY = struct.Struct("<QQQQ")


@dataclass(frozen=True)
class Request:
    """One finished request: bytes `length` for the disk at `start`, found in the log at `data`."""

    start: int
    length: int
    data: int
    flags: int


@dataclass(frozen=True)
class Point:
    """A power cut after so many requests; `seed` decides which of those that no flush made durable are lost or torn, 0 none."""

    requests: int
    seed: int = 0


class Log:
    """The requests of a log, oldest first."""

    def __init__(self, path):
        self._file = path.open("rb")
        magic, version, number, sector = _SUPERBLOCK.unpack(self._file.read(_SUPERBLOCK.size))
        if (magic, version, sector) != (_MAGIC, 1, SECTOR):
            raise ValueError(f"{path} is no log of blklogwrites with sectors of {SECTOR} bytes")
        self.requests = []
        place = SECTOR
        for _ in range(number):
            self._file.seek(place)
            start, sectors, flags, _ = _ENTRY.unpack(self._file.read(_ENTRY.size))
            length = 0 if flags & DISCARD else sectors * SECTOR
            self.requests.append(Request(start * SECTOR, length, place + SECTOR, flags))
            place += SECTOR + length

    def close(self):
        """Ends the reading."""
        self._file.close()

    def flushes(self):
        """How many requests were finished at the end of each flush."""
        return [number + 1 for number, request in enumerate(self.requests) if request.flags & FLUSH]

    def points(self, number):
        """So many power cuts, spread over the flushes in turn: right after one, then in the middle of what came until the
        next, first with all that was finished and then with a part of it lost."""
        flushes = self.flushes()
        found = []
        for index in range(number):
            place = index * len(flushes) // number
            after = flushes[place]
            following = (*flushes, len(self.requests))[place + 1]
            between = (after + following + 1) // 2
            found.append((Point(after), Point(between), Point(between, index))[index % 3])
        return sorted(found, key=lambda point: point.requests)

    def durable(self, point):
        """How many requests the last flush before the cut made durable."""
        return max((flush for flush in self.flushes() if flush <= point.requests), default=0)

    def length(self, point):
        """How long the log was when the power was cut, in bytes."""
        last = self.requests[point.requests - 1]
        return last.data + last.length

    def write(self, disk, begin, end):
        """Carries out requests on an open disk."""
        for request in self.requests[begin:end]:
            self._write(disk, request, request.length)

    def cut(self, disk, point):
        """Carries out what a cut leaves of the requests after the last flush."""
        chance = random.Random(point.seed)
        for request in self.requests[self.durable(point):point.requests]:
            whole = point.seed == 0 or request.flags & FUA
            fate = "kept" if whole else chance.choice(("kept", "kept", "torn", "lost"))
            kept = {"kept": request.length, "torn": request.length // SECTOR // 2 * SECTOR, "lost": 0}[fate]
            self._write(disk, request, kept)

    def _write(self, disk, request, length):
        self._file.seek(request.data)
        disk.seek(request.start)
        disk.write(self._file.read(length))
