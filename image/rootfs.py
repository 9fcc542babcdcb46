#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Builds the base root file system of the quick image: Debian 13 for arm64, without anything of ours in it.

The result is a cached tarball under target/image/cache, named after a hash of image/base and this program. A
cached one lacks the security updates of its age, so it is made again after MAX_AGE_DAYS, or with --fresh.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import cache
import host

BASE = host.PROJECT / "image" / "base"
CACHE = host.TARGET / "cache"
SUITE = "trixie"
MAX_AGE_DAYS = 7
ROOM = 3 << 30
"""Bytes for the unpacked root file system, the packages it comes from and the tarball."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fresh", action="store_true", help="build it even if it is cached")
    print(base_tarball(parser.parse_args().fresh))


def base_tarball(fresh=False):
    """The path of an up-to-date base tarball, built if need be (about five minutes on an idle machine)."""
    tarball = CACHE / f"rootfs-{cache.key(BASE, Path(__file__), SUITE, str(_date()))}.tar.zst"
    if tarball.exists() and not fresh:
        if cache.age_days(tarball) < MAX_AGE_DAYS:
            return tarball
        print(f"base root file system is older than {MAX_AGE_DAYS} days: building it anew for its updates")
    host.require_root("building a root file system")
    host.need("building a root file system", "mmdebstrap=mmdebstrap", "arch-test=arch-test", "zstd=zstd", "systemctl=systemd", "setpriv=util-linux",
              "/usr/share/keyrings/debian-archive-keyring.gpg=debian-archive-keyring")
    host.need_arm64()
    host.require_space("building a root file system", CACHE, ROOM)
    host.require_mirror(host.mirrors()[0], SUITE)
    with cache.timed("base root file system"), cache.replacing(tarball) as temporary:
        _mmdebstrap(temporary, tarball.with_suffix("").with_suffix(".log"))
    for kind in ("tar.zst", "log"):
        cache.keep_newest(CACHE, f"rootfs-*.{kind}", 2)
    return tarball


def _mmdebstrap(output, log):
    command = [*host.ending_with_us("--mount-proc", "mmdebstrap"),
               "--mode=root", "--architectures=arm64", "--variant=minbase", "--format=tar",
               "--aptopt=APT::Install-Recommends \"false\"", "--aptopt=Acquire::Languages \"none\"",
               f"--aptopt=Acquire::Check-Valid-Until \"{host.apt_option('Acquire::Check-Valid-Until') or 'true'}\"",
               "--dpkgopt=force-unsafe-io", "--dpkgopt=force-confold",
               f"--setup-hook={BASE}/setup \"$1\"", f"--customize-hook={BASE}/customize \"$1\"",
               f"--include={','.join(packages())}", SUITE, "-", "-"]
    work = CACHE / "tmp"
    subprocess.run(["rm", "-rf", "--one-file-system", work], check=True)
    work.mkdir()
    with log.open("w") as errors, output.open("wb") as tar:
        debian = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
                                  env={**os.environ, "TMPDIR": str(work), "SOURCE_DATE_EPOCH": str(_date())})
        zstd = subprocess.Popen(["zstd", "--quiet", "-3", "-T0"], stdin=debian.stdout, stdout=tar)
        debian.stdin.write(_sources())
        debian.stdin.close()
        debian.stdout.close()
        if debian.wait() or zstd.wait():
            print(*log.read_text().splitlines()[-20:], sep="\n", file=sys.stderr)
            host.fail(f"mmdebstrap failed; all of its output is in {log}")


def _date():
    """No file is younger: the same packages give the same bytes."""
    return host.newest_entry()[1]


def packages():
    """The names in image/base/packages."""
    lines = (line.split("#")[0].strip() for line in (BASE / "packages").read_text().splitlines())
    return [line for line in lines if line]


def _sources():
    main_mirror, security = host.mirrors()
    parts = "main non-free-firmware"
    return (f"deb {main_mirror} {SUITE} {parts}\ndeb {main_mirror} {SUITE}-updates {parts}\n"
            f"deb {security} {SUITE}-security {parts}\n")


if __name__ == "__main__":
    main()
