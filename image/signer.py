# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Who signs a release: a key of gpg's, by its fingerprint, or a throwaway one for tries.

Nothing secret passes through here: gpg and its agent, or a token, do the signing.
"""

import os
import re
import subprocess

import host

THROWAWAY = "throwaway"
_HOME = host.PROJECT / "target" / "throwaway-key"
_USER = "MQTT broker appliance (a key for tries, of no worth)"


class Signer:
    """A key that has proved that it can sign."""

    def __init__(self, key):
        """Takes a fingerprint of 40 hexadecimal digits, or `throwaway`, which makes a key in target/throwaway-key once."""
        host.need("signing a release", "gpg=gnupg")
        self.is_throwaway = key == THROWAWAY
        self.environment = {**os.environ, **({"GNUPGHOME": str(_HOME)} if self.is_throwaway else {})}
        self.key = _throwaway(self.environment) if self.is_throwaway else key
        if not re.fullmatch("[0-9A-Fa-f]{40}", self.key):
            host.fail(f"the key {key!r} is no fingerprint: give all 40 hexadecimal digits, as gpg --list-keys shows them")
        tried = subprocess.run([*self._gpg(), "--output", os.devnull, "--detach-sign", os.devnull], capture_output=True, text=True,
                               env=self.environment)
        if tried.returncode:
            host.fail(f"gpg cannot sign with {self.key}: {tried.stderr.strip().splitlines()[-1]}. Is the token plugged in, and GNUPGHOME right?")

    def sign(self, path):
        """Writes a detached signature beside a file, its name with .asc behind."""
        subprocess.run([*self._gpg(), "--armor", "--output", f"{path}.asc", "--detach-sign", path], check=True, env=self.environment)

    def close(self):
        """Ends the agent of a throwaway key; others are the user's."""
        if self.is_throwaway:
            subprocess.run(["gpgconf", "--kill", "all"], check=True, env=self.environment)

    def _gpg(self):
        return ["gpg", "--quiet", "--batch", "--yes", "--digest-algo", "SHA512", "--local-user", self.key]


def _throwaway(environment):
    """The fingerprint of the key for tries, with a signing subkey as the real one has."""
    if not _HOME.exists():
        _HOME.mkdir(parents=True, mode=0o700)
        _quick(environment, "--quick-generate-key", _USER, "ed25519", "cert", "never")
        _quick(environment, "--quick-add-key", _fingerprint(environment), "ed25519", "sign", "1y")
    return _fingerprint(environment)


def _quick(environment, *arguments):
    subprocess.run(["gpg", "--quiet", "--batch", "--passphrase", "", *arguments], check=True, env=environment, stderr=subprocess.DEVNULL)


def _fingerprint(environment):
    listing = subprocess.run(["gpg", "--batch", "--with-colons", "--list-keys"], check=True, capture_output=True, text=True, env=environment).stdout
    return re.search(r"^fpr:+([0-9A-F]{40}):", listing, re.MULTILINE)[1]
