# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Listeners inside the sandbox of the shipped unit: a Unix socket, one interface, a socket that systemd opened."""

import unittest

from container import Container, wait_for

CARD = """\
version = 1
[broker]
allow_anonymous = true
[[listener]]
port = 1883
interface = "lo"
[[listener]]
socket = "/run/broker/mqtt.socket"
[[listener]]
port = 25
bind_address = "0.0.0.0"
"""
SOCKET_UNIT = """\
[Socket]
ListenStream=0.0.0.0:25
[Install]
WantedBy=sockets.target
"""


class Listeners(unittest.TestCase):
    def setUp(self):
        self.container = Container()
        self.addCleanup(self.container.remove)
        self.container.install()
        self.container.boot_file("broker.toml").write_text(CARD)

    def publishes(self, *place):
        return self.container.network("mosquitto_pub", *place, "-t", "x", "-m", "y", check=False).returncode == 0

    def status(self):
        return self.container.show("broker", "StatusText")

    def test_they_open_inside_the_sandbox_and_a_refused_one_says_why(self):
        self.container.boot()
        self.assertTrue(self.publishes("--unix", self.container.running_path("run/broker/mqtt.socket")))
        self.assertTrue(self.publishes("-h", "127.0.0.1", "-p", "1883"))
        mode = self.container.run("stat", "--format=%a %U:%G", "/run/broker/mqtt.socket").stdout.strip()
        self.assertEqual("660 broker:broker", mode)
        wait_for(lambda: "port 25 is closed" in self.status(), "the refused port in the status line")
        self.assertIn("2 of 3 listeners", self.status())

    def test_a_socket_of_systemd_is_served_where_the_broker_may_open_none(self):
        unit = self.container.root / "etc/systemd/system/broker.socket"
        unit.write_text(SOCKET_UNIT)
        self.container.chroot("systemctl", "enable", "broker.socket")
        self.container.boot()
        self.assertTrue(self.publishes("-h", "127.0.0.1", "-p", "25"))
        self.container.run("systemctl", "reload", "broker")
        self.assertTrue(self.publishes("-h", "127.0.0.1", "-p", "25"))
        self.container.run("systemctl", "restart", "broker")
        self.assertTrue(self.publishes("-h", "127.0.0.1", "-p", "25"))


if __name__ == "__main__":
    unittest.main()
