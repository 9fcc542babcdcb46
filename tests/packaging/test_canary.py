# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What a broker that was taken over could do: a canary in its place, under the settings of the shipped unit."""

import shutil
import subprocess
import sys
import unittest

from container import PROJECT, Container
from hardening import ATTEMPTS, CANARY, IN_PLACE_OF_THE_BROKER, allowed, attempts

BARE = """\
[Service]
Type=oneshot
User=broker
Group=broker
StateDirectory=broker
ExecStart={program}
"""
NEEDS_THE_UNIT = {
    "execve of /bin/sh", "execve of what it wrote into its state", "execve of what it wrote into /tmp", "execveat of memory",
    "mmap writable and executable", "mprotect to executable", "ptrace of itself", "socket of AF_NETLINK",
    "unshare of the user namespace", "a set-user-id program", "personality",
}
"""What the kernel lets any user do: that these are denied is the unit's merit."""


class Canary(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.container = Container()
        cls.addClassCleanup(cls.container.remove)
        cls.container.install()
        cls.container.boot()
        # Where the unit lets programs be executed, so that everything else is its own setting.
        cls.program = next(path for path in ("usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu")
                           if (cls.container.root / path / "libc.so.6").exists()) + "/canary"
        subprocess.run(["gcc", "-Wall", "-Werror", "-static", "-o", cls.container.root / cls.program,
                        PROJECT / CANARY], check=True)
        shutil.chown(cls.container.root / cls.program, "root", "root")

    def test_everything_an_intruder_tries_is_denied(self):
        bare = self.tries("bare-canary.service", BARE)
        hardened = self.tries("broker.service.d/99-canary.conf", IN_PLACE_OF_THE_BROKER)
        print(f"\n{'attempt':40} {'any service':24} broker.service", file=sys.stderr)
        for attempt, outcome in hardened.items():
            print(f"{attempt:40} {bare.get(attempt, ''):24} {outcome}", file=sys.stderr)
        self.assertEqual(ATTEMPTS, len(hardened))
        self.assertEqual([], allowed(hardened))
        self.assertEqual(set(), NEEDS_THE_UNIT - set(allowed(bare)))

    def tries(self, file, text):
        """Runs the canary as a unit of this text; each attempt with its outcome."""
        unit = file.split(".d/")[0]
        path = self.container.root / "etc/systemd/system" / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.format(program="/" + self.program))
        self.container.run("systemctl", "daemon-reload")
        self.container.run("systemctl", "stop", unit)
        self.container.run("systemctl", "start", unit)
        self.container.run("journalctl", "--sync")
        return attempts(entry["MESSAGE"] for entry in self.container.journal(unit))


if __name__ == "__main__":
    unittest.main()
