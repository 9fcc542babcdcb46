# SPDX-License-Identifier: Apache-2.0 OR MIT
"""One start of the image in QEMU, and what must hold after every one, whatever stands on the card.

Waiting is for marks on the console and for answers, never for a time; limits only end what hangs. Console logs stay in
target/image/test.
"""

import atexit
import re
import sys
import unittest

import card
import host
import kinds
import machine
from owner import MQTT, SSH, TLS, WEBSOCKET

FOLDER = host.TARGET / "test"
DISK = FOLDER / "card.img"
CARD_SIZE, SMALL_CARD_SIZE = 16 * 1000 ** 3, 2048 * card.MIB
"""Bytes of a card with a partition for settings and messages, and of one that is too small for that."""
BOOT_LIMIT_S = 900
DISCOVERY = {("udp", "avahi-daemon", 5353), ("udp", "avahi-daemon", "any")}
"""Open beside the listeners: the name broker.local (mDNS), and the sockets by which avahi asks other servers of names."""
FIRST_FREE_PORT = 32768
"""From here on the kernel gives ports to whoever asks for any."""
STRANGERS = ("export LC_ALL=C; cat /var/lib/dpkg/info/*.list | sed -E 's#^/(bin|sbin|lib)/#/usr/\\1/#' | sort -u >/run/owned;"
             " find / -xdev ! -type d ! -path '/run/*' | sort | comm -23 - /run/owned"
             f" | grep -vxE '{kinds.kind().written}|{kinds.STATE}'; rm /run/owned")
"""Prints every file of the root file system that no package owns and that is neither Debian's nor a state."""


class Boot(unittest.TestCase):
    """A running machine. Subclasses say what is on its card, and which ports that opens."""

    more = ("led",)
    ports = (MQTT,)
    """Of the listeners; SSH's in addition where a key is named."""
    planted = ()
    """Files that the test itself has put onto the card."""
    goes_on = False
    """Whether machine and shell are left to another class."""

    @classmethod
    def begin(cls):
        """Starts the machine, which is `pi` then, and gives the processor time that it has used before this start."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        atexit.register(DISK.unlink, missing_ok=True)
        host.need_qemu_system()
        cls.pi = machine.Machine(DISK, FOLDER / cls.__name__, (MQTT, WEBSOCKET, TLS, SSH), shell=True, more=cls.more)
        cls.pi.start()
        return 0

    @classmethod
    def setUpClass(cls):
        used = cls.begin()
        cls.shell = cls.pi.shell(BOOT_LIMIT_S)
        if not cls.goes_on:
            cls.addClassCleanup(cls.pi.kill)
            cls.addClassCleanup(cls.shell.close)
        cls.state = cls.shell.try_run("systemctl is-system-running --wait", BOOT_LIMIT_S)
        # Outside connections are accepted by QEMU even before the machine has an address.
        cls.shell.run("nm-online --quiet --timeout=150")
        print(f"{cls.__name__}: up after {cls.pi.cpu_seconds() - used:.0f} s of processor time", file=sys.stderr)

    def test_every_unit_is_well(self):
        self.assertEqual(("running\n", 0), self.state, self.shell.run("systemctl --failed --no-pager"))

    def test_no_order_of_units_is_a_cycle(self):
        found, _ = self.shell.try_run("journalctl --boot --no-pager --output=cat | grep 'ordering cycle'")
        self.assertEqual("", found)

    def test_only_the_listeners_and_discovery_are_open(self):
        broker = {("tcp", "sshd" if port == SSH else "broker", port) for port in self.ports}
        # Not for a terminal, whose width it would fill.
        self.assertEqual(broker | DISCOVERY, sockets(self.shell.run("ss -Hlntup | tr -s ' '")))

    def test_the_firewall_lets_in_the_ports_of_the_file_only(self):
        rules = self.shell.run("nft list table inet broker_appliance")
        opened = [int(port) for port in re.search(r"elements = \{ (.*?) \}", rules, re.S)[1].split(",")]
        self.assertEqual(sorted(self.ports), sorted(opened), rules)
        self.assertIn("hook input priority filter; policy drop;", rules)

    def test_nobody_has_a_password_or_comes_in_without_one(self):
        self.assertEqual([], kinds.passwords(self.shell.run("cat /etc/shadow")))

    def test_every_file_belongs_to_a_package_or_is_state_of_the_machine(self):
        self.assertEqual(list(self.planted), kinds.strangers(self.shell.run(STRANGERS).splitlines(), ()))


def sockets(listing):
    """Protocol, program and port of each socket in what `ss` prints."""
    found = set()
    for line in listing.splitlines():
        protocol, _, _, _, local, _, users = line.split(maxsplit=6)
        port = int(local.rsplit(":", 1)[1])
        found.add((protocol, re.search('"(.*?)"', users)[1], "any" if protocol == "udp" and port >= FIRST_FREE_PORT else port))
    return found
