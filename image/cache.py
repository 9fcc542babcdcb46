# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Content keys: a result is kept under a hash of all that went into it, and made again only when that changes."""

import hashlib
import os
import time
from contextlib import contextmanager
from pathlib import Path


def key(*inputs):
    """A short hash over files, folders (names, who may execute, contents) and strings; the same on every machine."""
    digest = hashlib.sha256()
    for item in inputs:
        if not isinstance(item, Path):
            digest.update(f"s {item}\n".encode())
            continue
        files = sorted(p for p in item.rglob("*") if p.is_file()) if item.is_dir() else [item]
        for path in files:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"f {path.name} {path.stat().st_mode & 0o100:o} {content}\n".encode())
    return digest.hexdigest()[:16]


def sha256(path):
    """The digest of a file of any size, in hexadecimal digits."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def age_days(path):
    """Days since the file was made."""
    return (time.time() - path.stat().st_mtime) / 86400


def keep_newest(folder, pattern, count):
    """Deletes all but the newest files that match."""
    for path in sorted(folder.glob(pattern), key=lambda p: p.stat().st_mtime)[:-count]:
        path.unlink()


@contextmanager
def replacing(path):
    """Gives a temporary name beside `path` and renames it to `path` only if the block succeeds.

    What a killed program left under such a name goes away here.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".[0-9]*.{path.name}"):
        if not Path("/proc", left.name.split(".")[1]).exists():
            left.unlink()
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def timed(step):
    """Prints how long a step took."""
    begin = time.monotonic()
    yield
    print(f"{step}: {time.monotonic() - begin:.0f} s", flush=True)
