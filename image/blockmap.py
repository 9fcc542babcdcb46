# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The block map of an image: what a flasher must write, and what it may leave as it is on the card.

Whether a file has a hole says nothing about that: zeros that count, such as an empty journal's, can be one. So the holes of a
copy are made to be what no file system uses, and bmaptool maps that: the same image gives the same map on any disk.
"""

import os
import re
import subprocess

import card

_BLOCK = 4096
_CHUNK = 4 * 1024 * 1024


def write(image, output, copy):
    """Writes the map of `image` to `output`; `copy` is a name for a copy, in the same place, that is gone afterwards."""
    try:
        with open(image, "rb") as source, open(copy, "wb") as target:
            target.truncate(os.stat(image).st_size)
            for begin, end in used(image):
                _copy(source, target, begin, end)
            target.flush()
            os.fsync(target.fileno())
        subprocess.run(["bmaptool", "--quiet", "create", "--output", output, copy], check=True)
    finally:
        copy.unlink(missing_ok=True)


def used(image):
    """The ranges of bytes, from and up to, that some file system or the partition table uses, in order."""
    parts = card.partitions(image)
    boot, root = parts[card.BOOT], parts[card.ROOT]
    # A FAT that was filled once is full up to some point; behind it are free clusters, which are never read.
    return [(0, _BLOCK), (boot.offset, _end_of_content(image, boot)), *_used_by_ext4(image, root)]


def _end_of_content(image, part):
    """Behind the last block of a partition that is not empty."""
    with open(image, "rb") as file:
        for begin in range(part.offset + part.size - _BLOCK, part.offset, -_BLOCK):
            file.seek(begin)
            if file.read(_BLOCK).strip(b"\0"):
                return begin + _BLOCK
    return part.offset + _BLOCK


def _used_by_ext4(image, part):
    listing = subprocess.run(["dumpe2fs", f"{image}?offset={part.offset}"], check=True, capture_output=True, text=True).stdout
    size, count = (int(re.search(rf"^{name}: +(\d+)", listing, re.MULTILINE)[1]) for name in ("Block size", "Block count"))
    free = [(int(first), int(last or first)) for ranges in re.findall(r"^  Free blocks: (.*)", listing, re.MULTILINE)
            for first, last in re.findall(r"(\d+)(?:-(\d+))?", ranges)]
    begins = [0, *(last + 1 for _, last in free)]
    ends = [*(first for first, _ in free), count]
    return [(part.offset + begin * size, part.offset + end * size) for begin, end in zip(begins, ends) if begin < end]


def _copy(source, target, begin, end):
    """Zeros are written, too."""
    source.seek(begin)
    target.seek(begin)
    while begin < end:
        piece = source.read(min(_CHUNK, end - begin))
        target.write(piece.ljust(min(_CHUNK, end - begin), b"\0"))
        begin += _CHUNK
