# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Makes the quick image from the base root file system and our packages.

Our packages and boot files come through the scripts of pi-gen-stage, as in a pi-gen build. The image's key is
a hash of everything that goes into it: with the same key there is nothing to do.
"""

import os
import subprocess
from pathlib import Path

import cache
import card
import description
import host
import rootfs

SHARED = ("01-broker", "02-boot-files", "04-presets")
"""The sub-stages that a Debian root takes too; the others adapt Raspberry Pi OS."""
ROOM = 3 << 30
"""Bytes for the unpacked root file system and the card."""
BUILD_LOGS = ("var/log/dpkg.log", "var/log/alternatives.log", "var/cache/ldconfig/aux-cache")
"""What installing packages leaves behind; it tells when that was, or of the files' numbers on this disk."""


def image(debs, output, fresh=False):
    """Makes the file `output` with the packages of the folder `debs`, unless it is there already; gives its path."""
    description.one_of_each(debs)
    host.require_space("making a card image", output.parent, ROOM)
    host.need("making a card image", *card.TOOLS, "dumpe2fs=e2fsprogs", "zstd=zstd", "setpriv=util-linux")
    base = rootfs.base_tarball(fresh)
    identity = _key(base, debs)
    stamp = output.with_suffix(".key")
    if not (output.exists() and stamp.exists() and stamp.read_text() == identity):
        host.require_root("putting files of many owners into an image")
        with cache.timed("image"):
            stamp.unlink(missing_ok=True)
            _assemble(base, identity, debs, output)
            stamp.write_text(identity)
    return output


def _key(base, folder):
    debs = [path for pattern in ("*_arm64.deb", "*_all.deb") for path in sorted(folder.glob(f"mqtt-broker{pattern}"))]
    here = Path(__file__)
    return cache.key(base, *debs, description.STAGE / "in-root", *(description.STAGE / name for name in SHARED),
                     *(here.with_name(name) for name in ("assembly.py", "card.py", "times.py")), str(host.newest_entry()[1]))


def _assemble(base, identity, debs, output):
    work, date = host.TARGET / "work", host.newest_entry()[1]
    subprocess.run(["rm", "-rf", "--one-file-system", work], check=True)
    root = work / "root"
    root.mkdir(parents=True)
    host.need_arm64()
    with cache.timed("  unpack"):
        subprocess.run(["tar", "--extract", "--file", base, "--zstd", "--numeric-owner", "--xattrs",
                        "--xattrs-include=*", "--directory", root], check=True)
    with cache.timed("  packages and boot files"):
        environment = {**os.environ, "ROOTFS_DIR": str(root), "BROKER_DEBS": str(debs.resolve()), "SOURCE_DATE_EPOCH": str(date)}
        for script in (script for name in SHARED for script in sorted((description.STAGE / name).glob("[0-9][0-9]-run.sh"))):
            subprocess.run(host.ending_with_us(script), check=True, cwd=script.parent, env=environment, stdin=subprocess.DEVNULL)
        # Nothing is left to update at the first boot: caches and catalogues fit what is installed.
        for folder in ("etc", "var"):
            (root / folder / ".updated").touch()
        for name in BUILD_LOGS:
            (root / name).unlink(missing_ok=True)
    with cache.timed("  card"), cache.replacing(output) as temporary:
        card.make(temporary, root, identity[:8], date)
    checksum(output)
    subprocess.run(["rm", "-rf", "--one-file-system", work], check=True)


def checksum(path):
    """The file's SHA-256, which is written beside it, too, in the form of sha256sum."""
    digest = cache.sha256(path)
    path.with_name(path.name + ".sha256").write_text(f"{digest}  {path.name}\n")
    return digest
