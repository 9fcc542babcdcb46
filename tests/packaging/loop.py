# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Card images in loop devices, with their partitions."""

import subprocess

from container import wait_for


def attach(image):
    """The block device of an image, whose partitions are beside it as far as its table has them (losetup(8))."""
    node = subprocess.run(["losetup", "--find", "--show", image], check=True, capture_output=True, text=True).stdout.strip()
    # Some kernels do not read this kind of table themselves.
    subprocess.run(["partx", "--update", node], check=True, capture_output=True)
    return node


def detach(node):
    """Leaves the image as a power cut does."""
    # Whoever looks through all block devices, or had the card mounted and is on the way out, holds a partition for a while.
    wait_for(lambda: subprocess.run(["partx", "--delete", node], capture_output=True).returncode == 0, f"the last user of a partition of {node} to be gone")
    subprocess.run(["losetup", "--detach", node], check=True)
