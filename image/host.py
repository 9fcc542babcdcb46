# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The machine that builds or boots the image: its tools, its Debian mirror, its emulator.

Everything here looks first and changes only what is missing. Nothing it finds out is written into the project.
As a program it installs the emulators, so that whatever runs side by side later does not wait for apt.
"""

import email.utils
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
TARGET = PROJECT / "target" / "image"
QEMU_SYSTEM = "qemu-system-aarch64"
QEMU_PC = "qemu-system-x86_64"
QEMU_OLDEST = (9, 1)
"""The first QEMU whose `virt` machine has a second serial port."""

MIRROR_LIMIT_S = 30

# The programs that make file systems are root's, and not on everybody's path.
os.environ["PATH"] += ":/usr/sbin:/sbin"

_SOURCES = Path("/etc/apt")
_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_BINFMT_RULE = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")


def fail(message):
    """Ends the program with one line on stderr."""
    sys.exit(f"{Path(sys.argv[0]).name}: {message}")


def require_root(reason):
    """Fails unless this is root, saying why root is needed."""
    if os.geteuid() != 0:
        fail(f"{reason} needs root. Please run it with sudo.")


def require_space(reason, folder, needed):
    """Fails if fewer than `needed` bytes are free where the folder is, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed:
        fail(f"{reason} needs {needed >> 20} MiB in {folder}, and {free >> 20} MiB are free. Please make room.")


def require_mirror(mirror, suite):
    """Fails unless a mirror answers within MIRROR_LIMIT_S with the index of a suite; others than http are taken on trust."""
    address = f"{mirror}/dists/{suite}/InRelease"
    if not address.startswith(("http://", "https://")):
        return
    try:
        urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=MIRROR_LIMIT_S).close()
    except OSError as error:
        fail(f"the Debian mirror of this machine's apt sources does not answer: {address}: {error}. Please see to the network or to /etc/apt.")


def need(reason, *probes):
    """Installs the Debian packages behind missing tools; a probe is `tool=package`."""
    subprocess.run([PROJECT / "deploy" / "need", reason, *probes], check=True)


def ending_with_us(*command):
    """A command line whose processes and mounts end when this program does, even by SIGKILL."""
    return ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child", *command]


def need_arm64():
    """Makes arm64 programs runnable: natively, or through binfmt_misc and qemu-user."""
    if platform.machine() == "aarch64":
        return
    if not _BINFMT_RULE.exists():
        install_qemu("qemu-user-static" if _debian() < 13 else "qemu-user-binfmt")
    if not (_BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "none", _BINFMT], check=True)
    if not (_BINFMT / "qemu-aarch64").exists():
        (_BINFMT / "register").write_bytes(_BINFMT_RULE.read_bytes().strip())


def need_qemu_system():
    """Makes sure that a recent enough `qemu-system-aarch64` is installed."""
    if _qemu_version() < QEMU_OLDEST:
        install_qemu("qemu-system-arm")
    if _qemu_version() < QEMU_OLDEST:
        fail(f"{QEMU_SYSTEM} {'.'.join(map(str, QEMU_OLDEST))} or newer is needed; please install one.")


def need_qemu_pc():
    """Makes sure that an emulator of a PC is installed, of the same version as the other, because both share files."""
    if not shutil.which(QEMU_PC):
        install_qemu("qemu-system-x86")


def newest_entry():
    """The version that deploy/changelog tells of first, and its time in seconds since 1970, which is that of everything built."""
    changelog = (PROJECT / "deploy" / "changelog").read_text()
    version, = re.findall(r"^\S+ \((\S+)\)", changelog)
    signed = re.search(r"^ -- .*>  (.*)$", changelog, re.MULTILINE)
    return version, int(email.utils.parsedate_to_datetime(signed[1]).timestamp())


def mirrors():
    """The archive and the security archive that the host's own apt sources name, as two addresses."""
    texts = [path.read_text() for path in [*_SOURCES.glob("*.list"), *_SOURCES.glob("sources.list.d/*")] if path.is_file()]
    words = {word.rstrip("/") for text in texts for line in text.splitlines() if not line.startswith("#") for word in line.split()}
    addresses = sorted(word for word in words if re.match(r"(https?|file|mirror\+\w+)://?", word))
    main = [address for address in addresses if address.endswith("/debian")]
    security = [address for address in addresses if address.endswith("/debian-security")]
    if not main or not security:
        fail("the host's apt sources name no Debian mirror (/debian and /debian-security); please add them")
    return main[0], security[0]


def apt_option(name):
    """One option of the host's apt configuration, or an empty string."""
    out = subprocess.run(["apt-config", "dump", name], check=True, capture_output=True, text=True).stdout
    found = re.search(r'"(.*)"', out)
    return found[1] if found else ""


def in_container():
    """Whether this runs in a container, whose kernel and devices are another machine's."""
    return subprocess.run(["systemd-detect-virt", "--quiet", "--container"], check=False).returncode == 0


def _debian():
    release = platform.freedesktop_os_release()
    return int(release.get("VERSION_ID", "0").split(".")[0]) if release.get("ID") == "debian" else 99


def _qemu_version():
    if not shutil.which(QEMU_SYSTEM):
        return (0, 0)
    out = subprocess.run([QEMU_SYSTEM, "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"version (\d+)\.(\d+)", out)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def install_qemu(package):
    """Installs a QEMU package, from Debian 12's backports there, without changing the host's apt sources."""
    if _debian() != 12:
        need("emulating a Pi", f"/nonexistent={package}")
        return
    require_root(f"installing {package} from bookworm-backports")
    print(f"installing for emulating a Pi: {package} (bookworm-backports)", file=sys.stderr)
    with tempfile.TemporaryDirectory() as parts:
        for source in (_SOURCES / "sources.list.d").glob("*"):
            (Path(parts) / source.name).symlink_to(source)
        (Path(parts) / "backports.list").write_text(f"deb {mirrors()[0]} bookworm-backports main\n")
        apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=400", "-o", f"Dir::Etc::SourceParts={parts}"]
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        # A broken index of another source must not stop us: the installation below is the check.
        subprocess.run([*apt, "update"], check=False, env=env, stdout=sys.stderr)
        subprocess.run([*apt, "install", "--yes", "--no-install-recommends", "-t", "bookworm-backports", package],
                       check=True, env=env, stdout=sys.stderr)


if __name__ == "__main__":
    need_arm64()
    need_qemu_system()
    need_qemu_pc()
