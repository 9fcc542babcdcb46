# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The broker's ports as another machine finds them by multicast DNS, with the real avahi on both ends of a cable."""

import subprocess
import unittest

from container import Container, wait_for

CABLE = "cable0"
CARD = """\
version = 1
[system]
hostname = "plant-2"
[broker]
allow_anonymous = true
"""
FIRST = CARD + """\
[[listener]]
port = 1883
[[listener]]
port = 8883
tls = true
[[listener]]
port = 1885
bind_address = "127.0.0.1"
[[listener]]
port = 8083
protocol = "websockets"
"""
SECOND = CARD + "[[listener]]\nport = 1893\n[[listener]]\nport = 1894\n"
LOCAL = CARD + "[[listener]]\nport = 1893\nbind_address = \"127.0.0.1\"\n"
BROWSE = """
mount -t proc proc /proc && mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /etc/avahi/services
hostname neighbour && mkdir /run/dbus
dbus-daemon --system --fork && avahi-daemon --daemonize --no-rlimits
exec timeout 20 avahi-browse --resolve --parsable --terminate --all
"""
"""On another machine: a system bus and an avahi of its own, ended with the process that started them."""


class Discovery(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.container = Container(more_packages=("avahi-daemon", "avahi-utils"))
        cls.addClassCleanup(cls.container.remove)
        cls.container.install()
        cls.container.boot_file("broker.toml").write_text(FIRST)
        cls.container.boot()
        cable = cls.container.neighbour(["192.0.2.1/24", "2001:db8::1/64"], ["192.0.2.2/24", "2001:db8::2/64"], CABLE)
        cls.there = cls.enterClassContext(cable)

    def found(self):
        """What the other machine finds of this kind: name, type, host and port, each once."""
        apart = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child"]
        command = [*self.there, *apart, "chroot", self.container.root, "sh", "-euc", BROWSE]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        lines = (line.split(";") for line in done.stdout.splitlines() if line.startswith("="))
        return {(name.replace("\\032", " "), kind, host, int(port))
                for _, _, _, name, kind, _, host, _, port, *_ in lines if "mqtt" in kind}

    def sees(self, *services):
        """Waits until the other machine finds these and nothing else."""
        expected = {(name, kind, f"{name.split()[0]}.local", port) for name, kind, port in services}
        wait_for(lambda: self.found() == expected, f"{services} on the other machine, which finds {self.found()}")

    def apply(self, text):
        self.container.boot_file("broker.toml").write_text(text)
        self.container.run("systemctl", "restart", "broker-provision")

    def test_1_the_ports_that_it_reaches_are_found_and_follow_the_file(self):
        since = self.container.show("avahi-daemon", "ActiveEnterTimestampMonotonic")
        self.sees(("plant-2", "_mqtt._tcp", 1883), ("plant-2", "_secure-mqtt._tcp", 8883))
        self.apply(SECOND)
        self.sees(("plant-2", "_mqtt._tcp", 1893), ("plant-2 port 1894", "_mqtt._tcp", 1894))
        self.apply(LOCAL)
        self.sees()
        services = self.container.root / "etc/avahi/services"
        self.assertEqual([], [path.name for path in services.iterdir()])
        self.assertEqual(since, self.container.show("avahi-daemon", "ActiveEnterTimestampMonotonic"), "avahi was started again")

    def test_2_a_new_name_is_told_at_once(self):
        self.apply(SECOND.replace("plant-2", "plant-3"))
        self.sees(("plant-3", "_mqtt._tcp", 1893), ("plant-3 port 1894", "_mqtt._tcp", 1894))

    def test_3_the_package_takes_its_files_away(self):
        self.apply(SECOND)
        mine = self.container.root / "etc/avahi/services/mqtt-broker-mine.service"
        mine.write_text("<!-- the owner's -->\n")
        self.container.run("dpkg", "--purge", "mqtt-broker-appliance", "mqtt-broker-provisioner")
        self.assertEqual([mine], list(mine.parent.iterdir()))


if __name__ == "__main__":
    unittest.main()
