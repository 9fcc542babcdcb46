# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A card as a power cut left it: what stands on it, and what becomes of it when it is started again in a container.

The kernel of this machine may know no FAT, so that mtools copy the boot partition out and a container gets the copy.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "image"), str(PROJECT / "tests/packaging")]

import card  # noqa: E402
import loop  # noqa: E402
from container import Container, wait_for  # noqa: E402
from load import absent  # noqa: E402

SECRETS = ("correct horse battery", "drowssap gnorw")
LOGINS = {"sensors": SECRETS[0], "display": SECRETS[1]}
BROKER_TOML = f"""\
version = 1
[system]
hostname = "plant-2"
[time]
timezone = "Asia/Tokyo"
[[user]]
username = "sensors"
password = "{SECRETS[0]}"
[[user]]
username = "display"
password = "{SECRETS[1]}"
[[listener]]
port = 1883
[[listener]]
port = 8883
tls = true
"""
TO_BE_MADE = 0xDA
"""The kind of a partition for settings and messages without a file system yet."""
ACCEPTED, CONFIGURATION = "var/lib/broker-provision/desired.json", "etc/broker/broker.toml"


class Left:
    """One card after a cut."""

    def __init__(self, root, boot, division):
        """`division` says how far the cut left the card divided, if it was not done."""
        self.root, self.boot, self.division = root, boot, division
        self.accepted, self.configuration = self._text(ACCEPTED), self._text(CONFIGURATION)

    def state(self):
        """How far the start had come, in a few words."""
        stages = (("kept", self.accepted), ("applied", self.configuration),
                  ("told", (self.boot / "broker-report.json").exists()), ("in clear", self._in_clear()))
        return "+".join([*self.division, *(word for word, reached in stages if reached)])

    def faults_at_once(self):
        """What would be wrong if the broker were started just so, without the provisioner."""
        if self.configuration is None:
            return []
        settings = tomllib.loads(self.configuration)
        users = settings.get("user", [])
        is_open = settings.get("broker", {}).get("allow_anonymous", False) or not users or any("password" in user for user in users)
        return ["the configuration left by the cut is open"] if is_open else []

    def faults_of_a_mix(self):
        """What was kept or applied before the cut must be what is in force now, byte for byte; hashes tell one run from another."""
        accepted, configuration = self._text(ACCEPTED), self._text(CONFIGURATION)
        faults = []
        if self.accepted and json.loads(self.accepted) != json.loads(accepted or "null"):
            faults.append("what was kept before the cut was kept anew")
        if self.configuration not in (None, configuration):
            faults.append("what was applied before the cut was applied anew")
        hashes = set(re.findall(r"\$argon2id\$[^\"]+", configuration or ""))
        if not hashes or not all(hash in (accepted or "") for hash in hashes):
            faults.append("the configuration is not that of what was kept")
        return faults

    def start(self, promised):
        """Starts it once; what is not as the file says, and what must never be, such as the loss of what was promised."""
        container = Container(self.root, self.boot)
        try:
            container.boot()
            return _unlike_the_file(container), _open_doors(container) + _lost(container, promised)
        finally:
            container.remove()

    def _text(self, name):
        path = self.root / name
        return path.read_text() if path.exists() else None

    def _in_clear(self):
        return any(secret.encode() in path.read_bytes() for path in self.boot.iterdir() for secret in SECRETS)


def _unlike_the_file(container):
    failed = container.run("sh", "-c", "systemctl --failed --no-legend --plain | cut -d' ' -f1 | xargs -r -n 1 journalctl -b --no-pager -o cat -u").stdout
    report = container.boot_file("broker-report.json")
    checks = {
        "the report says that the file is applied": report.exists() and json.loads(report.read_text())["result"] == "applied",
        "the host name": (container.root / "etc/hostname").read_text().strip() == "plant-2",
        "the time zone": (container.root / "etc/localtime").readlink().name == "Tokyo",
        f"every unit is well: {failed}": failed == "",
        "no secret on the boot partition": not any(secret.encode() in path.read_bytes() for secret in SECRETS
                                                   for path in container.boot_file(".").iterdir()),
    }
    for name, password in LOGINS.items():
        checks[f"the login of {name}"] = _publishes(container, "-u", name, "-P", password)
    checks["TLS"] = _publishes(container, "-p", "8883", "--cafile", container.boot_file("ca.crt"), "-u", "sensors", "-P", SECRETS[0])
    return [what for what, holds in checks.items() if not holds]


def _open_doors(container):
    attempts = {"nobody": (), "a wrong password": ("-u", "sensors", "-P", SECRETS[1])}
    return [f"{who} gets in" for who, login in attempts.items() if _publishes(container, *login)]


def _lost(container, promised):
    """Messages that were acknowledged before the cut and that neither the absent session nor a new subscriber gets."""
    faults = []
    for topic, number in ((topic, number) for topic, number in promised.items() if number):
        due = [str(message) for message in range(1, number + 1)]
        queued = _takes(container, "-c", "-i", absent(topic), "-t", topic, "-C", str(number))
        retained = _takes(container, "-t", topic, "-C", "1")
        if queued != due:
            faults.append(f"of {number} messages acknowledged on {topic} the absent session has {len(queued)}: {queued}")
        if not retained or int(retained[0]) < number:
            faults.append(f"{number} messages were acknowledged on {topic}, and retained is {retained}")
    return faults


def _takes(container, *arguments):
    """The first word of every message that a subscriber gets."""
    login = ("-u", "sensors", "-P", LOGINS["sensors"])
    taken = container.network("mosquitto_sub", *login, "-q", "1", "-W", "20", *arguments, check=False)
    return [line.split()[0] for line in taken.stdout.splitlines()]


def _publishes(container, *arguments):
    return container.network("mosquitto_pub", *arguments, "-t", "x", "-m", "y", check=False).returncode == 0


@contextmanager
def mounted(disk):
    """Presents a card as its start does, checked, mended, divided and mounted, as a `Left`; afterwards its file systems have to be
    without fault."""
    with tempfile.TemporaryDirectory(prefix="broker-cut-", dir="/var/tmp") as folder, _attached(disk) as node:
        root, boot = Path(folder) / "root", Path(folder) / "boot"
        root.mkdir()
        boot.mkdir()
        state = card.partitions(disk).get(card.STATE)
        division = ["whole"] if state is None else ["being divided"] if state.kind == TO_BE_MADE else []
        _mend_boot_partition(f"{node}p{card.BOOT}")
        subprocess.run(["mcopy", "-s", "-Q", "-n", "-i", f"{node}p{card.BOOT}", "::*", boot], check=True)
        subprocess.run(["mount", "-t", "ext4", "-o", "noatime", f"{node}p{card.ROOT}", root], check=True)
        try:
            done = subprocess.run(["sh", "-euc", _DIVIDE, "sh", root], capture_output=True, text=True)
            if done.returncode:
                raise AssertionError(f"the card could not be divided and mounted:\n{done.stdout}{done.stderr}")
            yield Left(root, boot, division)
        finally:
            subprocess.run(["umount", "--recursive", root], check=True)
        for number in (card.ROOT, card.STATE):
            # A container beside this one may have been started while the card was mounted: it holds that for a while.
            wait_for(lambda: _is_free(f"{node}p{number}"), "the end of the last mount")
            checked = subprocess.run(["e2fsck", "-f", "-n", f"{node}p{number}"], capture_output=True, text=True)
            if checked.returncode:
                raise AssertionError(f"partition {number} is damaged:\n{checked.stdout}{checked.stderr}")


_DIVIDE = """
mount --bind /dev "$1/dev"; mount -t proc proc "$1/proc"; mount --bind /sys "$1/sys"; mount -t tmpfs tmpfs "$1/run"
chroot "$1" /usr/lib/mqtt-broker/card
umount "$1/dev" "$1/proc" "$1/sys" "$1/run"
"""
"""What broker-card.service does in a machine, which a container leaves out: it has no card."""


@contextmanager
def _attached(disk):
    """The name of a block device with the card's partitions, as far as its table has them."""
    node = loop.attach(disk)
    try:
        yield node
    finally:
        loop.detach(node)


def _is_free(device):
    """Whether nobody has it mounted, in whichever namespace."""
    try:
        os.close(os.open(device, os.O_RDONLY | os.O_EXCL))
    except OSError:
        return False
    return True


def _mend_boot_partition(device):
    """Checks the boot partition as the machine's start does before it is mounted, and mends it."""
    checked = subprocess.run(["fsck.vfat", "-a", device], capture_output=True, text=True)
    # 1: it was mended.
    if checked.returncode not in (0, 1):
        raise AssertionError(f"the boot partition cannot be mended:\n{checked.stdout}{checked.stderr}")
