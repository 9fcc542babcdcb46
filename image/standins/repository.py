#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Builds a local apt repository of stand-ins for Raspberry Pi's own packages, and serves it on 127.0.0.1 while pi-gen runs.

What is built with it is a test image: it starts in QEMU with Debian's kernel, and not on a Pi.
usage: image/standins/repository.py FOLDER   (builds it, and ends)
"""

import functools
import http.server
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
VERSION = "2:99~standin1"
"""Above every version of Debian's, whose raspi-firmware would write config.txt and cmdline.txt of its own."""
CONTROL = """\
Package: {name}
Version: {version}
Architecture: all
Maintainer: MQTT broker appliance maintainers <maintainers@mqtt-broker.invalid>
Section: misc
Priority: optional
{depends}Description: stand-in for {name}, for tests of an image build
 This is not the package of Raspberry Pi Ltd; an image with it is a test image.
"""


def packages():
    """The names in image/standins/packages, each with the list of what it depends on."""
    lines = (HERE / "packages").read_text().splitlines()
    return {name: depends for name, *depends in (line.split() for line in lines if line and not line.startswith("#"))}


def build(folder):
    """Makes the folder anew, with one package for each name and the two indexes that apt asks for."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, depends in packages().items():
        _deb(folder, name, depends)
    for index, kind in (("Packages", "packages"), ("Release", "release")):
        content = subprocess.run(["apt-ftparchive", kind, "."], cwd=folder, check=True, capture_output=True).stdout
        (folder / index).write_bytes(content)


def _deb(folder, name, depends):
    tree, described = folder / "tree", f"Depends: {', '.join(depends)}\n" if depends else ""
    if (HERE / "trees" / name).exists():
        shutil.copytree(HERE / "trees" / name, tree)
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(CONTROL.format(name=name, version=VERSION, depends=described))
    # git keeps only the executable bit, and a umask may have taken the rest.
    subprocess.run(["chmod", "-R", "u=rwX,go=rX", tree], check=True)
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", tree, folder / f"{name}.deb"], check=True,
                   stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)


@contextmanager
def served(folder, port):
    """Serves the folder on 127.0.0.1 while the block runs; gives the line for pi-gen's TEMP_REPO."""
    handler = functools.partial(_Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"deb [trusted=yes] http://127.0.0.1:{server.server_port}/ ./"
        finally:
            server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Says nothing: apt tells what it could not get."""


if __name__ == "__main__":
    build(Path(sys.argv[1]))
