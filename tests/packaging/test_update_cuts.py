# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Power cuts during an update: after each command of our scripts, and in the middle of dpkg, forward and on the way back.

For the many cuts the scripts run as they are, in a chroot whose dpkg only remembers what it was told; for the few the
container is killed while a real dpkg configures a package.
"""

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from container import PROJECT, Container, wait_for
from repository import versions, with_postinst, with_unit
from test_update import Device

SCRIPTS = PROJECT / "deploy/appliance/usr/lib/mqtt-broker"
DOUBLES = {
    "dpkg": """
case "$*" in *--install*) ;; *) exit 0 ;; esac
for deb in "$@"; do case $deb in *.deb)
    [ "$(cut -d' ' -f2 "$deb")" != broken ] || { echo "dpkg: error" >&2; exit 1; }
    cp "$deb" "/installed/$(basename "$deb" .deb)" ;;
esac; done""",
    "dpkg-query": 'for name; do :; done; echo "$(cut -d" " -f1 "/installed/$name") installed"',
    "dpkg-deb": 'for deb; do [ ! -f "$deb" ] || break; done; v=$(cut -d" " -f1 "$deb"); case $1 in --field) echo "$v" ;; *) echo "$v installed" ;; esac',
    "systemctl": 'case "$*" in *MainPID*) echo 7 ;; *NRestarts*) echo 0 ;; esac',
    "broker": 'grep -q sound /installed/mqtt-broker || { echo "broker health: listener 1883 is silent" >&2; exit 1; }',
    "cut": """
case "$*" in *uptime*) n=$(($(cat /now) + 1)); echo $n >/now; echo $n ;; *) exec /usr/bin/cut "$@" ;; esac""",
    "apt-get": "exit 0",
    "sync": "exit 0",
    "sleep": "exit 0",
}
"""Programs that a script may call, each as small as the scripts can bear. A package is a file: its version, and its fate."""
HANGS = "[ ! -e /var/tmp/{0} ] || {{ rm /var/tmp/{0}; exec sleep infinity; }}"
"""A line of a script that does not end, once."""
CUT = """
trap 'n=$((n + 1)); [ $n -ne {steps} ] || kill -KILL $$' DEBUG
set -T
"""


class EachCommand(unittest.TestCase):
    """Whatever command is the last one before a cut, the next start ends where an update without a cut ends."""

    @classmethod
    def setUpClass(cls):
        cls.container = Container()
        cls.addClassCleanup(cls.container.remove)
        cls.root = cls.container.root
        shutil.copytree(SCRIPTS, cls.root / "usr/lib/mqtt-broker")
        for name, text in DOUBLES.items():
            double = cls.root / "usr/local/bin" / name
            double.write_text(f"#!/bin/sh\n{text}\n")
            double.chmod(0o755)

    def test_a_version_that_works(self):
        self._cut_everywhere("update-settle", "sound", {"0.2.0 sound"}, "works")

    def test_a_version_that_cannot_be_installed(self):
        self._cut_everywhere("update-settle", "broken", {"0.1.0 sound"}, "rolled-back")

    def test_the_way_back(self):
        self._cut_everywhere("update-back", "ill", {"0.1.0 sound"}, "rolled-back")

    def _cut_everywhere(self, script, fate, expected, outcome):
        steps = 0
        while True:
            steps += 1
            self._before(fate)
            if script == "update-back":
                (self.root / "var/lib/broker-update/failed").write_text("to=0.2.0\nwhy=it is ill\n")
            is_through = self._run(script, steps) != -9
            self._run("update-settle")
            with self.subTest(f"cut before command {steps}"):
                self._judge(expected, outcome)
            if is_through:
                break
        self.assertGreater(steps, 15)

    def _before(self, fate):
        """As apt left it: one set works, the other one is unpacked."""
        state, installed = self.root / "var/lib/broker-update", self.root / "installed"
        for folder in (state, installed):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        (self.root / "now").write_text("0")
        (self.root / "run/broker-update").mkdir(parents=True, exist_ok=True)
        (self.root / "etc/apt/preferences.d/mqtt-broker-update.pref").unlink(missing_ok=True)
        for name in ("mqtt-broker", "mqtt-broker-provisioner", "mqtt-broker-appliance"):
            for folder, text in (("good", "0.1.0 sound"), ("next", f"0.2.0 {fate}")):
                (state / folder).mkdir(exist_ok=True)
                (state / folder / f"{name}.deb").write_text(text + "\n")
            # A package that could not be installed was not: dpkg stopped at the first.
            (installed / name).write_text(f"0.2.0 {fate}\n" if fate != "broken" else "0.1.5 ill\n")

    def _run(self, script, steps=0):
        """The script's exit status; with a number, it is killed before its command of that number."""
        text = (SCRIPTS / script).read_text()
        (self.root / "script").write_text(f"{CUT.format(steps=steps)}{text}" if steps else text)
        environment = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin", "RUNTIME_DIRECTORY": "/run/broker-update",
                       "BROKER_UPDATE_SECONDS": "4", "BROKER_UPDATE_STEADY": "2"}
        return subprocess.run(["chroot", self.root, "bash", "--posix", "/script"], env=environment, capture_output=True).returncode

    def _judge(self, expected, outcome):
        state = self.root / "var/lib/broker-update"
        self.assertEqual(expected, {path.read_text().strip() for path in (self.root / "installed").iterdir()})
        self.assertEqual(expected, {path.read_text().strip() for path in (state / "good").iterdir()})
        left = {path.name for path in state.iterdir()} - {"good", "faults", "result", "held"}
        self.assertEqual(set(), left)
        self.assertIn(f"\noutcome={outcome}\n", (state / "result").read_text())
        pinned = (self.root / "etc/apt/preferences.d/mqtt-broker-update.pref").exists()
        self.assertEqual(outcome == "rolled-back", pinned)


class InTheMiddle(unittest.TestCase):
    """The container is killed, as by a power cut, while a script of a package runs that does not end by itself."""

    def test_forward_and_on_the_way_back(self):
        files = Path(tempfile.mkdtemp(prefix="broker-first-", dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, files)
        device = Device(type(self), versions(files, "0.1.0", with_postinst("mqtt-broker", HANGS.format("back"))))
        device.container.boot()
        device.offer("0.2.0", _both(with_unit("ReadOnlyPaths=/var/lib/broker"), with_postinst("mqtt-broker-provisioner", HANGS.format("forward"))))
        device.container.run("apt-get", "--quiet", "update")
        apt = device.container.in_container("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes", "dist-upgrade")
        _cut(device, "forward", lambda: self.enterContext(subprocess.Popen(apt, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)))
        self.assertIn("0.2.0 half-configured", device.states())

        # The next start finishes it, finds it unfit, and is cut in its turn while it goes back.
        _cut(device, "back", device.container.begin_boot)
        self.assertIn("0.1.0 half-configured", device.states())

        device.container.boot()
        self.assertEqual({"0.1.0 installed"}, device.states())
        self.assertEqual("rolled-back", device.result()["outcome"])
        self.assertIn("store has failed", device.result()["text"])
        self.assertEqual({"good", "faults", "result", "held"}, device.kept())
        device.container.run("broker", "health")


def _cut(device, way, begin):
    """Begins what comes to the script that hangs, and cuts the power there."""
    mark = device.root / f"var/tmp/{way}"
    mark.touch()
    begin()
    wait_for(lambda: not mark.exists(), f"the script that hangs on the way {way}")
    device.container.cut_power()


def _both(first, second):
    """Two changes of a package in one."""
    return lambda name, tree: (first(name, tree), second(name, tree))


if __name__ == "__main__":
    unittest.main()
