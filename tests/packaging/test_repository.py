# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The apt repository of a release, used by Debian 13's own apt: what is signed is installed, and what was changed is refused."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import container

APT = container.PROJECT / "deploy/apt/repository"
KEYRING = container.PROJECT / "deploy/keyring-deb"
VERSION, DATE = "0.1.0", "1700000000"
OURS = ["mqtt-broker", "mqtt-broker-provisioner", "mqtt-broker-appliance"]
ONLY_OURS = ["-o", "Dir::Etc::SourceList=/dev/null", "-o", "Dir::Etc::SourceParts=/etc/apt/sources.list.d"]


class Repository(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="broker-repository-", dir="/var/tmp")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.key, cls.stranger = cls._key("ours"), cls._key("stranger")
        (cls.folder / "debs").mkdir()
        for deb in container.packages():
            shutil.copy(deb, cls.folder / "debs")
        cls._run(KEYRING, VERSION, "file:/srv", cls.key, cls.folder / "debs", home="ours")
        cls._run(APT, cls.folder / "debs", cls.folder / "apt", cls.key, home="ours")
        cls.machine = container.Container()
        cls.addClassCleanup(cls.machine.remove)
        keyring, = (cls.folder / "debs").glob("mqtt-broker-archive-keyring_*.deb")
        shutil.copy(keyring, cls.machine.root / "var/cache")
        cls.machine.chroot("dpkg", "--install", f"/var/cache/{keyring.name}")

    def setUp(self):
        self.served = self.machine.root / "srv/apt"
        shutil.rmtree(self.served, ignore_errors=True)
        shutil.copytree(self.folder / "apt", self.served)
        shutil.rmtree(self.machine.root / "var/lib/apt/lists", ignore_errors=True)

    def test_apt_installs_our_packages_from_it_and_knows_whose_they_are(self):
        self._apt("update")
        self._apt("install", "--yes", "--reinstall", *OURS)
        state = self.machine.chroot("dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *OURS).stdout
        self.assertEqual(sorted(f"{name} installed" for name in OURS), state.splitlines())
        policy = self._apt_cache("policy")
        self.assertIn("release o=MQTT broker appliance,a=stable,n=stable,l=MQTT broker appliance,c=main", policy)
        self.assertNotIn("Err:", policy)

    def test_a_package_with_one_byte_changed_is_refused(self):
        self._apt("update")
        deb, = (self.served / "pool/main").glob("mqtt-broker_*.deb")
        _change(deb)
        self._refused("Hash Sum mismatch", "install", "--yes", "--reinstall", "mqtt-broker")

    def test_an_index_with_one_byte_changed_is_refused(self):
        for name in ("Packages", "Packages.gz", "Packages.xz"):
            for path in self.served.rglob(name):
                _change(path)
        for path in self.served.rglob("by-hash/SHA256/*"):
            _change(path)
        self._refused("Hash Sum mismatch|hash|unexpected size", "update")

    def test_a_changed_release_file_is_refused(self):
        release = self.served / "dists/stable/InRelease"
        release.write_text(release.read_text().replace("Suite: stable", "Suite: stabel"))
        self._refused("(?i)signature|not signed|verif", "update")

    def test_another_key_is_refused(self):
        shutil.rmtree(self.served)
        self._run(APT, self.folder / "debs", self.served, self.stranger, home="stranger")
        self._refused("(?i)signature|not signed|key", "update")

    def test_an_unsigned_repository_is_refused(self):
        shutil.rmtree(self.served)
        self._run(APT, self.folder / "debs", self.served, home="ours")
        self.assertFalse((self.served / "dists/stable/InRelease").exists())
        self._refused("not signed", "update")

    def test_made_twice_it_is_the_same_but_for_the_signatures(self):
        again = self.folder / "again"
        self._run(APT, self.folder / "debs", again, self.key, home="ours")
        files = [{path.relative_to(top): path.read_bytes() for path in top.rglob("*") if path.is_file()
                  and path.name not in ("InRelease", "Release.gpg")} for top in (self.folder / "apt", again)]
        self.assertEqual(*files)

    def _apt(self, *arguments):
        return self.machine.chroot("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", *ONLY_OURS, *arguments)

    def _apt_cache(self, *arguments):
        return self.machine.chroot("apt-cache", *ONLY_OURS, *arguments).stdout

    def _refused(self, why, *arguments):
        done = self.machine.chroot("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", *ONLY_OURS, *arguments, check=False)
        self.assertNotEqual(0, done.returncode, done.stdout)
        self.assertRegex(done.stdout + done.stderr, why)

    @classmethod
    def _key(cls, name):
        """Makes a key with a subkey that signs; gives its fingerprint."""
        (cls.folder / name).mkdir(mode=0o700)
        cls.addClassCleanup(cls._run, "gpgconf", "--kill", "all", home=name)
        gpg = ["gpg", "--quiet", "--batch", "--passphrase", ""]
        cls._run(*gpg, "--quick-generate-key", name, "ed25519", "cert", "never", home=name)
        listing = cls._run("gpg", "--with-colons", "--list-keys", home=name).stdout
        fingerprint = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))
        cls._run(*gpg, "--quick-add-key", fingerprint, "ed25519", "sign", "1y", home=name)
        return fingerprint

    @classmethod
    def _run(cls, *command, home):
        environment = {**os.environ, "GNUPGHOME": str(cls.folder / home), "SOURCE_DATE_EPOCH": DATE}
        return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, env=environment)


def _change(path):
    """Turns one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


if __name__ == "__main__":
    unittest.main()
