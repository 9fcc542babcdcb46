# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Two versions of our packages that come after those that were built: one works, the broker of the other ends at once."""

import sys
import tempfile
from pathlib import Path

import card
from kinds import PROJECT

DEBS = PROJECT / "target" / "debs"
PACKAGES = ("mqtt-broker_{}_arm64", "mqtt-broker-provisioner_{}_arm64", "mqtt-broker-appliance_{}_all")
WORKS, BROKEN = "+1works", "+2broken"
"""Behind the version of the packages, in the order of versions."""
BROKEN_PROGRAM = "#!/bin/sh\nexit 1\n"

sys.path.append(str(PROJECT / "tests/packaging"))

import repack  # noqa: E402


def versions():
    """The version of the packages that were built, and those of the two that come after it."""
    shipped = next(DEBS.glob("mqtt-broker_*_arm64.deb")).name.split("_")[1]
    return shipped, shipped + WORKS, shipped + BROKEN


def put_onto(disk):
    """Makes the packages and puts them onto a card that does not run."""
    shipped, works, broken = versions()
    debs = [DEBS / f"{package.format(shipped)}.deb" for package in PACKAGES]
    for version, change in ((works, repack.unchanged), (broken, _break)):
        with tempfile.TemporaryDirectory(prefix="broker-debs-") as folder:
            for deb in repack.as_version(debs, Path(folder), version, change):
                card.write_to_root(disk, deb, f"/var/tmp/{deb.name}")


def paths(version):
    """Where the packages of a version lie on the card, as a shell's pattern."""
    return f"/var/tmp/*_{version}_*.deb"


def _break(name, tree):
    if name == "mqtt-broker":
        (tree / "usr/bin/broker").write_text(BROKEN_PROGRAM)
