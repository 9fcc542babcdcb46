# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The one description that all images are made from: which packages of Debian they need, and how the tools get it.

image/base/packages is the list. The quick image takes it as it is; pi-gen's stage and the layer of rpi-image-gen take it without
what Raspberry Pi OS has in a form of its own. Boot files, growth and presets come from our packages and pi-gen-stage.
"""

import shutil

import host
import rootfs

STAGE = host.PROJECT / "pi-gen-stage"
DEBS = ("mqtt-broker_*_arm64.deb", "mqtt-broker-provisioner_*_arm64.deb", "mqtt-broker-appliance_*_all.deb")
"""Our packages, as patterns of file names, of which each has to match one."""
KEYRING = "mqtt-broker-archive-keyring_*_all.deb"
"""What only a release has: the address of our archive and its key."""
OWN_FORM = frozenset({"linux-image-arm64", "raspi-firmware"})
"""The kernel and the firmware: those of Raspberry Pi OS are for every model, and its stages install them."""


def packages_on_raspios():
    """Names of the packages that Raspberry Pi OS must have before ours are installed."""
    return [name for name in rootfs.packages() if name not in OWN_FORM]


def one_of_each(folder, patterns=DEBS):
    """The files of our packages in a folder; fails, before anything is built and in one line, unless there is exactly one of each."""
    chosen = []
    for pattern in patterns:
        found = sorted(folder.glob(pattern))
        if len(found) != 1:
            names = ", ".join(path.name for path in found) or "none"
            remedy = "please remove the old ones" if found else "make debs builds it"
            host.fail(f"need one {pattern} in {folder}, found {names}: {remedy}")
        chosen += found
    return chosen


def stage(destination, debs):
    """Makes a folder that pi-gen takes as a stage: pi-gen-stage with our packages and the list of those they need."""
    shutil.copytree(STAGE, destination)
    (destination / "00-packages").mkdir()
    (destination / "00-packages" / "00-packages-nr").write_text("\n".join(packages_on_raspios()) + "\n")
    files = destination / "01-broker" / "files"
    files.mkdir()
    for deb in [*one_of_each(debs), *debs.glob(KEYRING)]:
        shutil.copy(deb, files)
