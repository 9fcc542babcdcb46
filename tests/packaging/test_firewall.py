# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The appliance's firewall, with real packets from another machine: open is what broker.toml names, and nothing else."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

from container import Container, wait_for

CARD = """\
version = 1
[broker]
allow_anonymous = true
[[listener]]
port = {port}
[[listener]]
port = 8083
protocol = "websockets"
interface = "{interface}"
[[listener]]
port = 1884
bind_address = "127.0.0.1"
"""
CABLE = "cable0"
IPV4, IPV6 = "192.0.2.1", "2001:db8::1"
STRANGER = 9999
"""The port of another program, which nobody allowed."""
LISTEN = """
import socket
there = socket.create_server(("::", %d), family=socket.AF_INET6, dualstack_ipv6=True)
while True: there.accept()[0].close()
"""
KNOCK = """
import socket, sys
try: socket.create_connection((sys.argv[1], int(sys.argv[2])), 1).close()
except TimeoutError: print("dropped")
except ConnectionRefusedError: print("refused")
else: print("answers")
"""
SNAPSHOT = Path(__file__).resolve().parent / "firewall.txt"
MALFORMED = [
    "nonsense\n",
    "add element inet broker_appliance ports { 1883",
    "flush ruleset\n",
    "add element inet broker_appliance ports { 1883 }; flush ruleset\n",
    "add element inet broker_appliance ports { 1883 }\nadd element inet broker_appliance ports { 0-65535 }\n",
    "add element inet broker_appliance ports { 70000 }\n",
    'include "/etc/broker/other"\n',
]


class Firewall(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.container = Container()
        cls.addClassCleanup(cls.container.remove)
        cls.container.install()
        cls.container.boot_file("broker.toml").write_text(CARD.format(port=1883, interface=CABLE))
        cls.container.boot()
        cable = cls.container.neighbour([f"{IPV4}/24", f"{IPV6}/64"], ["192.0.2.2/24", "2001:db8::2/64"], CABLE)
        cls.there = cls.enterClassContext(cable)
        stranger = subprocess.Popen(cls.container.in_network(sys.executable, "-c", LISTEN % STRANGER))
        cls.addClassCleanup(stranger.wait)
        cls.addClassCleanup(stranger.kill)
        wait_for(lambda: cls.knock("::1", STRANGER, cls.container.in_network()) == "answers", "the other program")
        # The broker looks for an interface that comes late every 2 s.
        wait_for(lambda: cls.knock(IPV4, 8083) == "answers", "the listener of the interface")

    @classmethod
    def knock(cls, address, port, there=None):
        """What somebody who connects from the other machine sees: `answers`, `dropped` or `refused`."""
        command = [*(there or cls.there), sys.executable, "-c", KNOCK, address, str(port)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def seen(self, *ports):
        """The same for several ports, over IPv4 and IPv6, which have to agree."""
        found = {port: {self.knock(address, port) for address in (IPV4, IPV6)} for port in ports}
        print("\nfrom another machine:", {port: sorted(words) for port, words in found.items()}, file=sys.stderr)
        self.assertEqual([], [port for port, words in found.items() if len(words) > 1])
        return {port: words.pop() for port, words in found.items()}

    def apply(self, text):
        self.container.boot_file("broker.toml").write_text(text)
        self.container.run("systemctl", "restart", "broker-provision")

    def rules(self):
        return self.container.run("nft", "list", "table", "inet", "broker_appliance").stdout

    def test_1_it_is_closed_but_for_the_ports_of_the_file(self):
        self.assertEqual({1883: "answers", 8083: "answers", 1884: "dropped", STRANGER: "dropped", 5355: "dropped"},
                         self.seen(1883, 8083, 1884, STRANGER, 5355))
        self.assertEqual("answers", self.knock("127.0.0.1", 1884, self.container.in_network()))
        if os.environ.get("BLESS"):
            SNAPSHOT.write_text(self.rules())
        self.assertEqual(SNAPSHOT.read_text(), self.rules())

    def test_2_the_report_names_the_open_ports(self):
        self.assertIn(f"TCP ports open in the firewall: 1883, 8083 on {CABLE}.",
                      self.container.boot_file("broker-report.txt").read_text())
        self.assertEqual([{"port": 1883, "interface": None}, {"port": 8083, "interface": CABLE}],
                         self.container.report()["access"]["open_ports"])

    def test_3_the_port_of_one_interface_is_closed_on_the_others(self):
        self.apply(CARD.format(port=1883, interface="other0"))
        self.assertEqual({1883: "answers", 8083: "dropped"}, self.seen(1883, 8083))

    def test_4_it_follows_the_file_and_keeps_who_is_connected(self):
        self.apply(CARD.format(port=1883, interface=CABLE))
        with self.container.listening("-h", IPV4, "-t", "#", there=self.there) as heard:
            self.apply(CARD.format(port=1883, interface=CABLE) + "[[listener]]\nport = 1890\n")
            wait_for(lambda: self.knock(IPV4, 1890) == "answers", "the new listener")
            subprocess.run([*self.there, "mosquitto_pub", "-h", IPV6, "-p", "1890", "-t", "x", "-m", "y"], check=True)
            self.assertEqual("x y", heard())
        self.apply(CARD.format(port=1890, interface=CABLE))
        self.assertEqual({1883: "dropped", 1890: "answers", 8083: "answers", STRANGER: "dropped"},
                         self.seen(1883, 1890, 8083, STRANGER))

    def test_5_a_file_it_cannot_use_leaves_every_port_closed(self):
        ports = self.container.root / "etc/broker/firewall.nft"
        good = ports.read_text()
        self.addCleanup(self.container.run, "systemctl", "start", "broker-firewall")
        self.addCleanup(ports.write_text, good)
        for text in MALFORMED:
            with self.subTest(text):
                ports.write_text(text)
                self.assertNotEqual(0, self.container.run("systemctl", "start", "broker-firewall", check=False).returncode)
                self.assertIn("policy drop", self.rules())
                self.assertNotIn("elements", self.rules())
                self.assertEqual("dropped", self.knock(IPV4, 1890))

    def test_6_the_owner_may_open_more(self):
        own = self.container.root / "etc/broker/firewall-own.nft"
        own.write_text(f"add element inet broker_appliance ports {{ {STRANGER} }}\n")
        self.addCleanup(own.unlink)
        self.container.run("systemctl", "start", "broker-firewall")
        self.assertEqual({1890: "answers", STRANGER: "answers"}, self.seen(1890, STRANGER))

    def test_7_before_the_first_file_no_port_is_open(self):
        (self.container.root / "etc/broker/firewall.nft").unlink()
        self.container.run("systemctl", "start", "broker-firewall")
        self.assertEqual({1890: "dropped", STRANGER: "dropped"}, self.seen(1890, STRANGER))


if __name__ == "__main__":
    unittest.main()
