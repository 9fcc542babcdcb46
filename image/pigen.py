# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Upstream's pi-gen as this project uses it: which commit, what it needs of the machine, and where that is looked at.

Nothing in pi-gen is edited. A checkout that is given is only read; the build takes a clone of it, in which the empty files
named SKIP and SKIP_IMAGES, as pi-gen's README tells, leave out what the appliance does not want.
"""

import contextlib
import hashlib
import re
import shutil
import subprocess
import urllib.request

import host

GIB = 1024 ** 3
SKIPPED = ("stage2/SKIP_IMAGES", "stage2/04-cloud-init/SKIP", "export-image/01-user-rename/SKIP")
"""One image, ours; no second program that configures the machine; no dialogue for a user's name, which waits for ever."""
DEBIAN = "http://deb.debian.org"
"""The mirror that pi-gen's own files name."""
RASPBERRY_PI = "http://archive.raspberrypi.com/debian/dists/trixie/InRelease"
SUITES = ("debian/dists/trixie", "debian/dists/trixie-updates", "debian-security/dists/trixie-security")
NEEDED_BYTES = 14 * GIB
"""Of the work folder, for four root file systems and the image; with only our stage to do it is less than half."""
ANSWER_LIMIT_S = 30
TOOLS = ("git=git", "curl=curl", "quilt=quilt", "parted=parted", "debootstrap=debootstrap", "zerofree=zerofree", "zip=zip",
         "mkdosfs=dosfstools", "bsdtar=libarchive-tools", "rsync=rsync", "capsh=libcap2-bin", "xxd=xxd", "file=file", "lsmod=kmod",
         "bc=bc", "gpg=gpg", "pigz=pigz", "arch-test=arch-test", "xz=xz-utils", "losetup=mount", "unshare=util-linux",
         "partx=util-linux", "mcopy=mtools", "apt-ftparchive=apt-utils", "sfdisk=fdisk")


def pin():
    """The lines of image/pi-gen.pin."""
    lines = (host.PROJECT / "image" / "pi-gen.pin").read_text().splitlines()
    return dict(line.split(" = ", 1) for line in lines if line and not line.startswith("#"))


def need_tools():
    """Installs what pi-gen and its stages call."""
    host.need("running pi-gen", *TOOLS)
    host.need_arm64()
    if not shutil.which("qemu-arm"):
        host.install_qemu("qemu-user-binfmt")


def clone(given, destination):
    """Clones pi-gen at the pinned commit: from a checkout that is given, if it is exactly that, or from its public address."""
    wanted = pin()
    shutil.rmtree(destination, ignore_errors=True)
    if given:
        check(given)
        _git("clone", "--quiet", "--no-hardlinks", given, destination)
    else:
        try:
            _git("clone", "--quiet", "--depth=1", f"--branch={wanted['tag']}", wanted["address"], destination)
        except subprocess.CalledProcessError:
            host.fail(f"{wanted['address']} cannot be cloned from here; name a checkout of it: PI_GEN=FOLDER")
        check(destination)
    for name in SKIPPED:
        (destination / name).touch()


def check(checkout):
    """Fails unless the folder is a checkout of the pinned commit without a change."""
    commit = pin()["commit"]
    try:
        found = _git("-C", checkout, "rev-parse", "HEAD").strip()
        changed = _git("-C", checkout, "status", "--porcelain").splitlines()
    except subprocess.CalledProcessError as error:
        told = (error.stderr.strip().splitlines() or ["git failed"])[0]
        host.fail(f"PI_GEN={checkout} is no checkout of pi-gen that can be used ({told}); name another, or none to have it cloned")
    if found != commit:
        host.fail(f"PI_GEN={checkout} is at {found}, not at {commit}; please run: git -C {checkout} checkout {commit}")
    if changed:
        names = ", ".join(line[3:] for line in changed[:3])
        host.fail(f"PI_GEN={checkout} is edited ({names}); please undo that, or name a fresh clone")


def check_space(folder, needed=NEEDED_BYTES):
    """Fails if the file system of a folder has less room than a build takes."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        host.fail(f"{folder} has {free / GIB:.1f} GiB free and the build needs {needed / GIB:.0f}; "
                  "please make room, or name a folder with more: --work FOLDER")


def check_mirrors(with_standins):
    """Fails if an archive that pi-gen takes packages from does not answer."""
    if not _answers(f"{DEBIAN}/{SUITES[0]}/InRelease"):
        host.fail(f"{DEBIAN} does not answer, and pi-gen takes Debian's packages from there; please look at the network")
    if not with_standins and not _answers(RASPBERRY_PI):
        host.fail("archive.raspberrypi.com does not answer; for a test image without Raspberry Pi's packages: "
                  "make image-raspios STANDINS=1")


def armhf_is_whole():
    """Whether the mirror's indexes of armhf, which pi-gen has apt ask for, are those that its Release files name."""
    for suite in SUITES:
        release = _get(f"{DEBIAN}/{suite}/InRelease").decode(errors="replace")
        index = "main/binary-armhf/Packages.xz"
        named = re.search(rf"^ ([0-9a-f]{{64}}) +\d+ {index}$", release, re.MULTILINE)
        with contextlib.suppress(OSError):
            if named and hashlib.sha256(_get(f"{DEBIAN}/{suite}/{index}")).hexdigest() == named[1]:
                continue
        return False
    return True


def _answers(address):
    try:
        _get(address)
    except OSError:
        return False
    return True


def _get(address):
    with urllib.request.urlopen(address, timeout=ANSWER_LIMIT_S) as answer:
        return answer.read()


def _git(*arguments):
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout
