# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A signed apt repository on the disk of a container, and versions of our packages to put into it.

It has the names that the released one has: origin "MQTT broker appliance", suite "stable", component "main". The key
is made for one test and thrown away.
"""

import hashlib
import shutil
import subprocess
import tempfile
from email.utils import formatdate
from pathlib import Path

import container
import host
import repack

INSIDE = "srv/apt"
SOURCES = """\
Types: deb
URIs: file:///srv/apt
Suites: stable
Components: main
Signed-By: /etc/apt/keyrings/test.asc
"""
NAMES = ("mqtt-broker", "mqtt-broker-provisioner", "mqtt-broker-appliance")


class Repository:
    """The only source of packages of a container that does not run yet."""

    def __init__(self, root):
        host.need("a signed repository", "gpg=gpg", "dpkg-scanpackages=dpkg-dev")
        self.folder = root / INSIDE
        self._key = Path(tempfile.mkdtemp(prefix="broker-key-", dir="/var/tmp"))
        self._gpg("--quick-generate-key", "Test <test@mqtt-broker.invalid>", "ed25519", "sign", "1d")
        (root / "etc/apt/keyrings").mkdir(parents=True, exist_ok=True)
        (root / "etc/apt/keyrings/test.asc").write_bytes(self._gpg("--armor", "--export"))
        (root / "etc/apt/sources.list").unlink(missing_ok=True)
        (root / "etc/apt/sources.list.d/test.sources").write_text(SOURCES)
        (self.folder / "dists/stable").mkdir(parents=True)
        self.publish()

    def publish(self, *debs):
        """Puts packages in, and signs anew; those that are there stay."""
        for deb in debs:
            shutil.copy(deb, self.folder)
        index = self.folder / "dists/stable/main/binary-all/Packages"
        index.parent.mkdir(parents=True, exist_ok=True)
        scan = ["dpkg-scanpackages", "--multiversion", "."]
        index.write_bytes(subprocess.run(scan, cwd=self.folder, check=True, capture_output=True).stdout)
        digest, size = hashlib.sha256(index.read_bytes()).hexdigest(), index.stat().st_size
        (self.folder / "dists/stable/Release").write_text(
            "Origin: MQTT broker appliance\nLabel: MQTT broker appliance\nSuite: stable\nCodename: stable\nComponents: main\n"
            f"Architectures: all\nDate: {formatdate(usegmt=True)}\nSHA256:\n {digest} {size} main/binary-all/Packages\n")
        signed = self._gpg("--clearsign", "--output", "-", self.folder / "dists/stable/Release")
        (self.folder / "dists/stable/InRelease").write_bytes(signed)

    def remove(self):
        """Ends the key's agent and throws the key away; the rest goes with the container."""
        subprocess.run(["gpgconf", "--homedir", self._key, "--kill", "all"], check=True)
        shutil.rmtree(self._key)

    def _gpg(self, *arguments):
        command = ["gpg", "--homedir", self._key, "--batch", "--yes", "--quiet", "--passphrase", "", "--pinentry-mode", "loopback"]
        return subprocess.run([*command, *arguments], check=True, capture_output=True).stdout


def versions(folder, version, change=repack.unchanged):
    """Our three packages under another version, each changed by `change(name, tree)`, as files in `folder`."""
    return repack.as_version(container.packages(), folder, version, change)


def with_unit(line):
    """A change to the broker's unit: one more line for its service, which comes after the others and so wins."""
    def change(name, tree):
        if name == "mqtt-broker":
            unit = tree / "usr/lib/systemd/system/broker.service"
            unit.write_text(unit.read_text().replace("[Install]", f"{line}\n\n[Install]"))
    return change


def with_postinst(package, line):
    """A change to the script that a package runs when it is configured: one line at its beginning."""
    def change(name, tree):
        if name == package:
            script = tree / "DEBIAN/postinst"
            script.write_text(script.read_text().replace("\nset -e\n", f"\nset -e\n{line}\n", 1))
    return change


def with_firewall(rule):
    """A change to the appliance's firewall: one rule before all others."""
    def change(name, tree):
        if name == "mqtt-broker-appliance":
            rules = tree / "usr/lib/mqtt-broker/firewall.nft"
            rules.write_text(rules.read_text().replace("policy drop;\n", f"policy drop;\n\t\t{rule}\n", 1))
    return change
