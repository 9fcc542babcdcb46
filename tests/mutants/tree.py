# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A copy of the sources below target/mutants, in which one text after the other is replaced.

A breakage is a table with `name`, `file`, `old`, a text that stands once in the file, and `new`.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
TREE = TOP / "target/mutants/tree"
BUILD = TOP / "target/mutants/build"
SHARED = {"CARGO_BUILD_BUILD_DIR": os.environ.get("CARGO_TARGET_DIR", str(TOP / "target"))}
"""For cargo: what the sources depend on is compiled once, for the copy and for the project."""


class DoesNotFit(Exception):
    """The code is no longer what a breakage expects."""


def copy_sources():
    """Brings the copy up to date; what did not change keeps its time, so that cargo builds little."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=TOP, check=True, capture_output=True, text=True,
    ).stdout.split("\0")
    files = {name for name in listed if name and (TOP / name).is_file()}
    for name in files:
        source, target = TOP / name, TREE / name
        if not target.is_file() or target.read_bytes() != source.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    for path in [path for path in TREE.rglob("*") if path.is_file()]:
        if str(path.relative_to(TREE)) not in files:
            path.unlink()


@contextlib.contextmanager
def broken(breakage):
    """The copy is broken in this way while the block runs."""
    path = TREE / breakage["file"]
    whole = path.read_text(encoding="utf-8")
    if whole.count(breakage["old"]) != 1:
        raise DoesNotFit(f"its text stands {whole.count(breakage['old'])} times in {breakage['file']}")
    path.write_text(whole.replace(breakage["old"], breakage["new"]), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(whole, encoding="utf-8")
