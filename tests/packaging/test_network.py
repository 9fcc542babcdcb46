# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The cable as broker.toml wants it, with the real NetworkManager and a router at the cable's other end."""

import os
import subprocess
import sys
import unittest

from container import Container, host, wait_for

CABLE = "eth0"
ROUTER, STATIC, OTHER = "192.0.2.1", "192.0.2.10", "192.0.2.11"
CARD = """\
version = 1
[broker]
allow_anonymous = true
"""
FIXED = f"""
[ethernet]
method = "static"
address = "{{}}/24"
gateway = "{ROUTER}"
dns = ["{ROUTER}"]
"""
AUTOMATIC = """
[ethernet]
method = "auto"
"""
PROFILE = "etc/NetworkManager/system-connections/broker-ethernet.nmconnection"
IMPATIENT = "[connection]\nipv4.dhcp-timeout=4\nipv6.ra-timeout=4\n"
"""Where no router answers, NetworkManager would wait for three quarters of a minute."""
STARTS = 10


class Router:
    """A machine at the other end of the cable; it gives addresses while `gives_addresses` is running."""

    def __init__(self):
        self.name, self.network = f"router-{os.getpid()}", f"machine-{os.getpid()}"
        run(["ip", "netns", "add", self.name])
        run(["ip", "netns", "add", self.network])

    def plug_in(self):
        """A new cable in a new network for the container, which it finds there when it starts."""
        subprocess.run(["ip", "-netns", self.name, "link", "delete", "far"], capture_output=True, check=False)
        run(["ip", "netns", "delete", self.network])
        run(["ip", "netns", "add", self.network])
        run(["ip", "link", "add", CABLE, "netns", self.network, "type", "veth", "peer", "name", "far", "netns", self.name])
        self.run("ip", "address", "add", f"{ROUTER}/24", "dev", "far")
        self.run("ip", "link", "set", "far", "up")

    def run(self, *command):
        return run(["ip", "netns", "exec", self.name, *command])

    def gives_addresses(self):
        """Starts what gives addresses; end it with `kill`."""
        return subprocess.Popen(["ip", "netns", "exec", self.name, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0",
                                 "--interface=far", "--bind-dynamic", "--dhcp-range=192.0.2.100,192.0.2.150,1h", "--leasefile-ro",
                                 "--log-facility=/dev/null"])

    def remove(self):
        run(["ip", "netns", "delete", self.name])
        run(["ip", "netns", "delete", self.network])


class Cable(unittest.TestCase):
    """One machine; its card is edited from test to test, in the order of their names."""

    @classmethod
    def setUpClass(cls):
        cls.router = Router()
        cls.addClassCleanup(cls.router.remove)
        cls.container = Container(more_packages=["network-manager"])
        cls.addClassCleanup(cls.container.remove)
        cls.container.install()
        settings = cls.container.root / "etc/NetworkManager/conf.d/impatient.conf"
        settings.write_text(IMPATIENT)

    def start(self, table, plugged_in=True):
        """Starts with this table on the card; the report that was written after the network's unit had ended."""
        self.container.power_off()
        self.container.boot_file("broker.toml").write_text(CARD + table)
        self.router.plug_in()
        if not plugged_in:
            self.router.run("ip", "link", "set", "far", "down")
        self.container.boot(self.router.network)
        return self.told()

    def told(self):
        """The report, once it says what came of the network."""
        report = wait_for(self.finished_report, "the report about the network")
        print(f"\n{self.id().split('.')[-1]}: {report['result']}, {[finding['text'] for finding in report['network']]}", file=sys.stderr)
        return report

    def finished_report(self):
        try:
            report = self.container.report()
        except ValueError:
            return None
        idle = self.container.show("broker-provision-report.service", "ActiveState") == "inactive"
        pending = any(finding["code"] == "pending" for finding in report["network"])
        return report if idle and not pending else None

    def addresses(self):
        lines = self.container.network("ip", "-brief", "-4", "address", "show", "dev", CABLE).stdout
        return [address.split("/")[0] for address in lines.split()[2:]]

    def steps(self):
        """What the network's unit did at this start."""
        lines = [entry["MESSAGE"] for entry in self.container.journal("broker-provision-network")]
        return [line for line in lines if line.endswith(": done") or "FAILED" in line]

    def finding(self, report):
        self.assertEqual(["ethernet"], [finding["table"] for finding in report["network"]])
        return report["network"][0]

    def test_1_a_fixed_address_is_there_after_the_first_start(self):
        report = self.start(FIXED.format(STATIC))
        self.assertEqual(("applied", "connected"), (report["result"], self.finding(report)["code"]))
        self.assertEqual([STATIC], self.addresses())
        self.assertIn(f"default via {ROUTER}", self.container.network("ip", "route").stdout)
        self.assertIn(ROUTER, self.container.run("nmcli", "--get-values", "IP4.DNS", "device", "show", CABLE).stdout)
        self.assertEqual(0o600, (self.container.root / PROFILE).stat().st_mode & 0o777)
        self.assertIn(f"connected on {CABLE}, {STATIC}/24", self.container.boot_file("broker-report.txt").read_text())

    def test_2_an_unchanged_profile_is_not_touched_at_ten_starts(self):
        profile = self.container.root / PROFILE
        before = (profile.read_bytes(), profile.stat().st_mtime_ns)
        for number in range(1, STARTS + 1):
            # Two whole starts, and between them the part of a start that is about the network.
            if number in (1, STARTS):
                self.start(FIXED.format(STATIC))
            else:
                self.container.run("systemctl", "reset-failed", "NetworkManager", "broker-provision-network")
                self.container.run("systemctl", "restart", "NetworkManager", "broker-provision-network")
            self.assertEqual(([], [STATIC]), (self.steps(), self.addresses()))
        self.assertEqual(before, (profile.read_bytes(), profile.stat().st_mtime_ns))

    def test_3_what_does_not_come_up_gives_way_to_what_worked(self):
        report = self.start(AUTOMATIC)
        self.assertEqual(("partly", "failed"), (report["result"], self.finding(report)["code"]))
        self.assertRegex(self.finding(report)["text"], "no address.*what worked before is in use again")
        wait_for(lambda: self.addresses() == [STATIC], "the earlier address")
        self.assertIn(f"address1={STATIC}/24", (self.container.root / PROFILE).read_text())

    def test_4_the_next_start_tries_again_and_an_answering_router_is_enough(self):
        with self.router.gives_addresses() as addresses:
            try:
                report = self.start(AUTOMATIC)
                self.assertEqual(("applied", "connected"), (report["result"], self.finding(report)["code"]))
                self.assertRegex(self.addresses()[0], r"^192\.0\.2\.1[0-5]\d$")
                self.assertNotIn("address1", (self.container.root / PROFILE).read_text())
            finally:
                addresses.kill()

    def test_5_without_a_cable_the_settings_wait_for_one(self):
        report = self.start(FIXED.format(OTHER), plugged_in=False)
        self.assertEqual(("applied", "waiting"), (report["result"], self.finding(report)["code"]))
        self.assertIn("there is no cable", " ".join(report["warnings"]))
        self.router.run("ip", "link", "set", "far", "up")
        wait_for(lambda: self.addresses() == [OTHER], "the address after the cable was plugged in")

    def test_6_the_machine_changed_behind_its_back_is_as_the_file_says_again(self):
        self.start(FIXED.format(OTHER))
        self.container.run("nmcli", "connection", "modify", "broker-ethernet", "ipv4.addresses", "192.0.2.99/24")
        self.start(FIXED.format(OTHER))
        self.assertEqual([OTHER], self.addresses())
        self.assertEqual(1, len(self.steps()), self.steps())

    def test_7_without_the_table_the_profile_goes_and_the_default_counts(self):
        with self.router.gives_addresses() as addresses:
            try:
                self.start("")
                self.assertFalse((self.container.root / PROFILE).exists())
                wait_for(lambda: self.addresses() and self.addresses()[0] != OTHER, "an address of the router")
            finally:
                addresses.kill()


class NoNetworkManager(unittest.TestCase):
    def test_a_table_that_has_no_effect_is_told(self):
        container = Container()
        self.addCleanup(container.remove)
        container.install()
        container.boot_file("broker.toml").write_text(CARD + AUTOMATIC)
        container.boot()
        told = wait_for(lambda: "NetworkManager does not run" in container.boot_file("broker-report.txt").read_text(), "the report")
        self.assertTrue(told)
        self.assertEqual("", container.run("systemctl", "--failed", "--no-legend").stdout)


def run(command):
    """A command of the host."""
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def setUpModule():
    host.need("a router for the container", "dnsmasq=dnsmasq-base", "ip=iproute2")


if __name__ == "__main__":
    unittest.main()
