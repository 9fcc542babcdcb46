# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What the running kernel lacks of what pi-gen's export takes for granted, found out by trying, and what stands in for it.

A kernel that has both, as every distribution's has, gets no helper at all.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import host

HERE = Path(__file__).resolve().parent
BEGIN = 'mount -t overlay overlay -o "lowerdir=$1:/usr/sbin" /usr/sbin; shift; exec "$@"'


def helpers(folder):
    """The words that go before pi-gen's command line: nothing, or settings and a mount that last as long as it runs.

    Fails if there is not even a loop device. `folder` is an empty one for the helpers, kept until the command has ended.
    """
    words = []
    if not reads_partitions():
        words.append(f"PATH={HERE / 'host' / 'partitions'}:/usr/sbin:/usr/bin:/sbin:/bin")
    if not mounts_vfat():
        # mount looks for its helpers in /usr/sbin only.
        shutil.copytree(HERE / "host" / "vfat", folder, dirs_exist_ok=True)
        words += ["sh", "-euc", BEGIN, "sh", folder]
    return words


def mounts_vfat():
    """Whether this kernel can mount a FAT file system, with a module that it would load if need be."""
    known = {line.split()[-1] for line in Path("/proc/filesystems").read_text().splitlines()}
    return "vfat" in known or subprocess.run(["modprobe", "vfat"], capture_output=True, check=False).returncode == 0


def reads_partitions():
    """Whether this kernel finds the partitions of an MSDOS table on a loop device."""
    with tempfile.NamedTemporaryFile() as disk:
        disk.truncate(4 * 1024 * 1024)
        subprocess.run(["sfdisk", "--quiet", disk.name], input=b"label: dos\nsize=1MiB\n", check=True)
        loop = subprocess.run(["losetup", "--show", "--find", "--partscan", disk.name], capture_output=True, text=True, check=False)
        if loop.returncode:
            host.fail("no loop device is to be had here, and pi-gen makes the image on one; a container needs --privileged")
        device = loop.stdout.strip()
        try:
            return Path(f"/sys/block/{Path(device).name}/{Path(device).name}p1").exists()
        finally:
            subprocess.run(["losetup", "--detach", device], check=True)
