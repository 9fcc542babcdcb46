# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Two versions of the broker's package that come after the one that was built: one works, the program of the other ends at once."""

import subprocess
import tempfile
from pathlib import Path

import card
from kinds import PROJECT

DEBS = PROJECT / "target" / "debs"
WORKS, BROKEN = "+1works", "+2broken"
"""Behind the version of the packages, in the order of versions."""
BROKEN_PROGRAM = "#!/bin/sh\nexit 1\n"


def versions():
    """The version of the packages that were built, and those of the two that come after it."""
    deb = next(DEBS.glob("mqtt-broker_*_arm64.deb"))
    shipped = subprocess.run(["dpkg-deb", "--field", deb, "Version"], check=True, capture_output=True, text=True).stdout.strip()
    return shipped, shipped + WORKS, shipped + BROKEN


def put_onto(disk):
    """Makes the two packages and puts them onto a card that does not run."""
    shipped, works, broken = versions()
    with tempfile.TemporaryDirectory(prefix="broker-debs-") as folder:
        for version in (works, broken):
            tree, deb = Path(folder) / version, Path(folder) / f"{version}.deb"
            subprocess.run(["dpkg-deb", "--raw-extract", next(DEBS.glob("mqtt-broker_*_arm64.deb")), tree], check=True)
            control = tree / "DEBIAN/control"
            control.write_text(control.read_text().replace(f"\nVersion: {shipped}\n", f"\nVersion: {version}\n"))
            if version == broken:
                (tree / "usr/bin/broker").write_text(BROKEN_PROGRAM)
            subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", tree, deb], check=True, capture_output=True)
            card.write_to_root(disk, deb, path_of(version))


def path_of(version):
    """Where a version lies on the card."""
    return f"/var/tmp/mqtt-broker_{version}.deb"
