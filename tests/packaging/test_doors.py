# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What is open: exactly the sockets the settings name, and to nobody without a login."""

import ast
import sys
import unittest

from container import PROJECT, Container

HOST = "127.0.0.1"
SOCKETS = [
    ("", {("tcp", "*:1883")}),
    ("[[listener]]\nport = 1884\n", {("tcp", "*:1884")}),
    ('[[listener]]\nbind_address = "127.0.0.1"\n', {("tcp", "127.0.0.1:1883")}),
    ('[[listener]]\nbind_address = "::1"\n', {("tcp", "[::1]:1883")}),
    ('[[listener]]\nsocket_domain = "ipv4"\n', {("tcp", "0.0.0.0:1883")}),
    ('[[listener]]\nsocket_domain = "ipv6"\n', {("tcp", "[::]:1883")}),
    ('[[listener]]\ninterface = "lo"\n', {("tcp", "*%lo:1883")}),
    ('[[listener]]\nport = 1883\n[[listener]]\nport = 80\nprotocol = "websockets"\n', {("tcp", "*:1883"), ("tcp", "*:80")}),
    ('[[listener]]\nsocket = "/run/broker/mqtt.socket"\n', set()),
    ('[[listener]]\nport = 1883\nbind_address = "127.0.0.1"\n[[listener]]\nport = 1883\nbind_address = "::1"\n',
     {("tcp", "127.0.0.1:1883"), ("tcp", "[::1]:1883")}),
]
"""Ten settings, each with the sockets of the network it means."""


class Sockets(unittest.TestCase):
    def setUp(self):
        self.container = Container()
        self.addCleanup(self.container.remove)
        self.container.install()
        self.container.boot()
        self.settings = self.container.root / "etc/broker/broker.toml"

    def open(self):
        """The broker's sockets of the network, TCP and UDP."""
        lines = self.container.network("ss", "-Hlntup").stdout.splitlines()
        fields = (line.split() for line in lines if '"broker"' in line)
        return {(kind, address) for kind, _, _, _, address, *_ in fields}

    def test_they_are_exactly_what_the_settings_name(self):
        self.assertEqual(set(), self.open(), "before there are settings")
        for text, expected in SOCKETS:
            with self.subTest(text):
                self.settings.write_text(f"version = 1\n[broker]\nallow_anonymous = true\n{text}")
                self.container.run("systemctl", "reload", "broker")
                self.assertEqual(expected, self.open())
        self.settings.write_text("version = 1\n[broker]\nallow_anonymus = true\n")
        self.assertNotEqual(0, self.container.run("systemctl", "reload", "broker", check=False).returncode)
        self.assertEqual(SOCKETS[-1][1], self.open(), "after a mistake")


class Guesses(unittest.TestCase):
    """200 usual pairs of name and password, and no login at all."""

    def guesses(self, card):
        container = Container()
        self.addCleanup(container.remove)
        container.install()
        if card is not None:
            container.boot_file("broker.toml").write_text(card)
        container.boot()
        strangers = str(PROJECT / "tests/packaging/strangers.py")
        outcomes = ast.literal_eval(container.network(sys.executable, "-B", strangers, "guess", "1883").stdout)
        print(f"\n{'no file' if card is None else 'the shipped file'}: {outcomes}", file=sys.stderr)
        self.assertEqual(201, sum(outcomes.values()))
        return container, outcomes

    def test_a_card_without_a_file_answers_nobody(self):
        _, outcomes = self.guesses(None)
        self.assertEqual({"no answer": 201}, outcomes)

    def test_a_shipped_card_lets_nobody_in_who_guesses_and_each_has_a_password_of_its_own(self):
        shipped = (PROJECT / "deploy/appliance/usr/share/mqtt-broker/broker.toml").read_text()
        logins = set()
        for _ in range(2):
            container, outcomes = self.guesses(shipped)
            self.assertNotIn("let in", outcomes)
            login = container.report()["login"]
            logins.add(login["password"])
            container.network("mosquitto_pub", "-u", login["username"], "-P", login["password"], "-t", "x", "-m", "y")
        self.assertEqual(2, len(logins))


if __name__ == "__main__":
    unittest.main()
