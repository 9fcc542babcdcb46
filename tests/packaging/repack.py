# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Packages of ours made into those of another version, changed or not."""

import shutil
import subprocess
import tempfile
from pathlib import Path


def unchanged(_name, _tree):
    """No change but the version."""


def as_version(debs, folder, version, change=unchanged):
    """The packages under another version, each changed by `change(name, tree)`, as files in `folder`."""
    made = []
    for deb in debs:
        tree = Path(tempfile.mkdtemp(dir=folder))
        subprocess.run(["dpkg-deb", "--raw-extract", deb, tree / "deb"], check=True)
        control = tree / "deb/DEBIAN/control"
        text = control.read_text()
        fields = dict(line.split(": ", 1) for line in text.splitlines() if line[:1] not in (" ", "") and ": " in line)
        name, old = fields["Package"], fields["Version"]
        text = text.replace(f"Version: {old}\n", f"Version: {version}\n").replace(f"(= {old})", f"(= {version})")
        control.write_text(text)
        change(name, tree / "deb")
        made.append(folder / f"{name}_{version}_{fields['Architecture']}.deb")
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree / "deb", made[-1]],
                       check=True, capture_output=True)
        shutil.rmtree(tree)
    return made
