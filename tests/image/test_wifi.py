# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Wi-Fi in the booted image: the kernel's simulated radios, one for the machine and the others for access points.

One start. Access points (hostapd) and their routers (busybox) run in a network of their own inside the guest; both
programs are Debian's and are put onto the test's card only. The owner edits broker.toml again and again, and the two
units of the provisioner run as at a start.
"""

import json
import subprocess
import sys
import time
import unittest
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "image"))

import cache  # noqa: E402
import card  # noqa: E402
import host  # noqa: E402
import machine  # noqa: E402
from clients import publish  # noqa: E402
from kinds import IMAGE  # noqa: E402

FOLDER = host.TARGET / "test"
DISK = FOLDER / "wifi.img"
CARD_SIZE = 2048 * card.MIB
BOOT_LIMIT_S = 900
STEP_LIMIT_S = 400
MQTT = 1883
PASSWORD, OTHER_PASSWORD = "blue-Kettle-7", "red-Kettle-88"
PSK = "0123456789abcdef" * 4
CARD = """\
version = 1
[broker]
allow_anonymous = true
"""
WLAN = """
[wlan]
country = "JP"
ssid = "{}"
{}
"""
ACCESS_POINT = """\
interface=wlan{number}
ssid={name}
hw_mode=g
channel={channel}
country_code=JP
wpa=2
rsn_pairwise=CCMP
{more}
"""
ROUTER = """\
start 198.51.100.{first}
end 198.51.100.{last}
interface wlan{number}
lease_file /run/leases{number}
max_leases 5
"""
ACCESS_POINTS = {
    "two": f"wpa_key_mgmt=WPA-PSK\nwpa_passphrase={PASSWORD}",
    "three": f"wpa_key_mgmt=SAE\nieee80211w=2\nsae_password={PASSWORD}",
    "secret": f"wpa_key_mgmt=WPA-PSK\nwpa_psk={PSK}\nignore_broadcast_ssid=1",
}
"""By name: WPA2 only, WPA3 only, and one that does not tell its name."""
DEBIAN = {"hostapd": "usr/sbin/hostapd", "busybox-static": "usr/bin/busybox"}
"""Packages of the image's Debian, and the one program of each that is needed."""


class WiFi(unittest.TestCase):
    """What is tried is in the order of the names."""

    @classmethod
    def setUpClass(cls):
        machine.copy_card(IMAGE, DISK, CARD_SIZE)
        for program in debian_programs():
            card.write_to_root(DISK, program, f"/usr/local/bin/{program.name}")
        card.BootPartition(DISK).write("broker.toml", CARD.encode())
        cls.pi = machine.Machine(DISK, FOLDER / cls.__name__, (MQTT,), shell=True)
        cls.addClassCleanup(cls.pi.kill)
        cls.began = time.monotonic()
        cls.pi.start()
        cls.shell = cls.pi.shell(BOOT_LIMIT_S)
        cls.addClassCleanup(cls.shell.close)
        cls.shell.try_run("systemctl is-system-running --wait", BOOT_LIMIT_S)
        cls.shell.run("nm-online --quiet --timeout=150")
        cls.open_the_air()
        cls.wire = cls.shell.run("ip -brief -4 address show dev eth0")

    @classmethod
    def open_the_air(cls):
        """Radios, of which the first is the machine's own, and an access point with a router on each of the others."""
        cls.shell.run(f"modprobe mac80211_hwsim radios={len(ACCESS_POINTS) + 1} && ip netns add air")
        for number, (name, more) in enumerate(ACCESS_POINTS.items(), 1):
            first = 10 * number
            access_point = ACCESS_POINT.format(number=number, name=name, channel=5 * number - 4, more=more)
            router = ROUTER.format(number=number, first=first, last=first + 5)
            cls.put(f"/run/ap{number}", access_point)
            cls.put(f"/run/router{number}", router)
            # Raspberry Pi OS keeps every radio off until a country is known.
            turn_on = f"for soft in /sys/class/net/wlan{number}/phy80211/rfkill*/soft; do echo 0 >$soft; done"
            in_the_air = "systemd-run --quiet --property=NetworkNamespacePath=/run/netns/air"
            cls.shell.run(f"iw phy $(cat /sys/class/net/wlan{number}/phy80211/name) set netns name air"
                          f" && ip netns exec air sh -euc '{turn_on}'"
                          f" && ip -netns air address add 198.51.100.{first - 1}/24 dev wlan{number}"
                          f" && {in_the_air} --unit=ap{number} /usr/local/bin/hostapd /run/ap{number}"
                          f" && touch /run/leases{number}"
                          f" && {in_the_air} --unit=router{number} /usr/local/bin/busybox udhcpd -f /run/router{number}"
                          f" && until journalctl -u ap{number} | grep -q AP-ENABLED; do sleep 1; done")

    @classmethod
    def put(cls, path, text):
        escaped = text.replace("\n", "\\n")
        cls.shell.run(f"printf '{escaped}' >{path}")

    @classmethod
    def tearDownClass(cls):
        print(f"\nWi-Fi: {time.monotonic() - cls.began:.0f} s, {cls.pi.cpu_seconds():.0f} s of processor time", file=sys.stderr)

    def take(self, wlan):
        """What the report says of the network after the file with this table was taken."""
        began = time.monotonic()
        self.put("/boot/firmware/broker.toml", CARD + wlan)
        # This one has the network's unit started, and that one the report's.
        self.shell.try_run("systemctl restart broker-provision; until systemctl list-jobs | grep -q 'No jobs'; do sleep 1; done", STEP_LIMIT_S)
        self.shell.run("sync")
        report = json.loads(card.BootPartition(DISK).read("broker-report.json"))
        findings = [finding["text"] for finding in report["network"]]
        print(f"\n{self.id().split('.')[-1]}: {report['result']}, {findings}, {time.monotonic() - began:.0f} s", file=sys.stderr)
        self.assertEqual(["wlan"], [finding["table"] for finding in report["network"]])
        self.assertEqual(self.wire, self.shell.run("ip -brief -4 address show dev eth0"), "the cable")
        self.assertEqual(0, publish(self.pi.address(MQTT), None, "x", "y").returncode)
        return report["result"], report["network"][0]

    def assert_connected(self, name, taken):
        self.assertEqual(("applied", "connected"), (taken[0], taken[1]["code"]))
        self.assertRegex(taken[1]["text"], r"198\.51\.100\.\d+/24")
        self.assertIn(f"SSID: {name}\n", self.shell.run("iw dev wlan0 link"))

    def test_1_wpa2_comes_up_with_the_countrys_rules(self):
        self.assert_connected("two", self.take(WLAN.format("two", f'password = "{PASSWORD}"')))
        self.assertIn("country JP:", self.shell.run("iw reg get"))
        stored = "/etc/NetworkManager/system-connections/broker-wlan.nmconnection"
        self.assertEqual("600", self.shell.run(f"stat --format=%a {stored}").strip())

    def test_2_a_wrong_password_is_told_and_the_right_one_stays(self):
        result, finding = self.take(WLAN.format("two", f'password = "{OTHER_PASSWORD}"'))
        self.assertEqual(("partly", "failed"), (result, finding["code"]))
        self.assertRegex(finding["text"], "does not accept the password.*what worked before is in use again")
        self.shell.run("until iw dev wlan0 link | grep -q 'SSID: two'; do sleep 1; done")

    def test_3_wpa3_comes_up_with_the_same_key(self):
        self.assert_connected("three", self.take(WLAN.format("three", f'password = "{PASSWORD}"')))

    def test_4_a_network_that_does_not_tell_its_name_is_asked_for(self):
        self.assert_connected("secret", self.take(WLAN.format("secret", f'psk = "{PSK}"\nhidden = true')))

    def test_5_no_password_is_in_the_journal_or_on_the_card(self):
        for secret in (PASSWORD, OTHER_PASSWORD, PSK):
            found, _ = self.shell.try_run(f"journalctl --no-pager | grep -c -- '{secret}'")
            self.assertEqual("0", found.strip())
            self.assertNotIn(secret, card.BootPartition(DISK).read("broker.toml").decode())


def debian_programs():
    """The programs of DEBIAN for the guest, fetched once."""
    folder = host.TARGET / "cache" / f"programs-{cache.key(*DEBIAN.values())}"
    paths = [folder / Path(path).name for path in DEBIAN.values()]
    if all(path.exists() for path in paths):
        return paths
    work = folder / "apt"
    for name in ("state/lists/partial", "cache/archives/partial"):
        (work / name).mkdir(parents=True, exist_ok=True)
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (work / "sources.list").write_text(f"deb [signed-by={keyring}] {host.mirrors()[0]} trixie main\n")
    settings = {"Dir::Etc::SourceList": work / "sources.list", "Dir::Etc::SourceParts": "-", "Dir::State": work / "state",
                "Dir::State::status": "/dev/null", "Dir::Cache": work / "cache", "APT::Architecture": "arm64",
                "APT::Architectures": "arm64", "APT::Sandbox::User": "root"}
    apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in settings.items())]
    subprocess.run([*apt, "update"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*apt, "download", *DEBIAN], check=True, stdout=subprocess.DEVNULL, cwd=work)
    for package in work.glob("*.deb"):
        subprocess.run(["dpkg-deb", "--extract", package, work / "root"], check=True)
    for path in paths:
        source = next(work / "root" / inside for inside in DEBIAN.values() if inside.endswith(f"/{path.name}"))
        source.rename(path)
    subprocess.run(["rm", "-r", work], check=True)
    return paths


def setUpModule():
    host.need("looking into a card", *card.TOOLS)
    host.need_qemu_system()
    unittest.addModuleCleanup(DISK.unlink, missing_ok=True)


if __name__ == "__main__":
    unittest.main()
