# SPDX-License-Identifier: Apache-2.0 OR MIT
"""SSH and the time servers of broker.toml, with a real client on another machine: keys come in, nothing else does, and without keys it is closed."""

import select
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from container import Container, host, wait_for
from test_firewall import CABLE, IPV4, KNOCK

PLAIN = "version = 1\n[broker]\nallow_anonymous = true\n"
ASKED = PLAIN + """\
[system]
hostname = "plant-2"
[time]
ntp_servers = ["192.0.2.2", "ntp.nict.jp"]
[ssh]
authorized_keys = ["{key}"]
"""
IN_A_CONTAINER = """\
[Unit]
ConditionVirtualization=
[Service]
AmbientCapabilities=
CapabilityBoundingSet=
"""
"""Lets timesyncd run here, where it must not set the clock."""
WRITTEN = ("etc/hosts", "etc/broker/authorized_keys", "etc/broker/firewall.nft", "etc/broker/broker.toml", "etc/hostname",
           "etc/systemd/timesyncd.conf.d/60-mqtt-broker.conf", "var/lib/broker-provision/desired.json",
           "var/lib/broker-provision/stamp.json", "boot/firmware/broker.toml")


class Ssh(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        host.need("logging in over SSH", "ssh=openssh-client", "ssh-keygen=openssh-client")
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="broker-ssh-")))
        for name in ("mine", "stranger"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", cls.folder / name], check=True)
        cls.key = (cls.folder / "mine.pub").read_text().strip()
        cls.container = Container()
        cls.addClassCleanup(cls.container.remove)
        cls.container.install()
        # A password would be the worst that can stand there.
        cls.container.chroot("sh", "-c", "echo root:hunter2 | chpasswd && useradd --create-home --shell /bin/sh guest")
        dropin = cls.container.root / "etc/systemd/system/systemd-timesyncd.service.d/container.conf"
        dropin.parent.mkdir()
        dropin.write_text(IN_A_CONTAINER)
        cls.container.boot_file("broker.toml").write_text(ASKED.format(key=cls.key))
        cls.start()

    @classmethod
    def start(cls):
        cls.container.boot()
        cable = cls.container.neighbour([f"{IPV4}/24"], ["192.0.2.2/24"], CABLE)
        cls.there = cable.__enter__()
        cls.cable = cable
        cls.addClassCleanup(cls.unplug)

    @classmethod
    def unplug(cls):
        cable, cls.cable = cls.cable, None
        if cable:
            cable.__exit__(None, None, None)

    def ssh(self, *options, user="root", key="mine"):
        """What a login that may ask nobody anything comes to; prints the number of its user."""
        return subprocess.run(self.command(*options, f"{user}@{IPV4}", "id -u", key=key), capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def command(self, *rest, key="mine"):
        """The command line of a client that asks nobody anything."""
        return [*self.there, "ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=accept-new", "-o", "ConnectTimeout=5",
                "-o", f"UserKnownHostsFile={self.folder}/known", "-o", "IdentitiesOnly=yes", "-i", self.folder / key, *rest]

    def knock(self):
        command = [*self.there, sys.executable, "-c", KNOCK, IPV4, "22"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def apply(self, text=None):
        if text is not None:
            self.container.boot_file("broker.toml").write_text(text)
        self.container.run("systemctl", "reset-failed", "broker-provision")
        self.container.run("systemctl", "restart", "broker-provision")

    def servers(self):
        """Whom timesyncd asks before all others."""
        return self.container.run("busctl", "get-property", "org.freedesktop.timesync1", "/org/freedesktop/timesync1",
                                  "org.freedesktop.timesync1.Manager", "SystemNTPServers").stdout.strip()

    def state(self):
        """All that may not change: contents and times of files, who runs since when, what starts by itself."""
        files = [(name, (self.container.root / name).read_bytes(), (self.container.root / name).stat().st_mtime_ns) for name in WRITTEN]
        processes = [self.container.show(unit, "MainPID") for unit in ("ssh", "systemd-timesyncd", "broker")]
        links = sorted(str(path) for path in (self.container.root / "etc/systemd/system").rglob("*"))
        return files, processes, links

    def test_1_the_key_of_the_file_comes_in_as_root(self):
        done = wait_for(lambda: (done := self.ssh()).returncode == 0 and done, "a login")
        self.assertEqual("0\n", done.stdout)
        self.assertEqual("enabled", self.container.run("systemctl", "is-enabled", "ssh").stdout.strip())

    def test_2_nothing_else_does(self):
        no_key = ("-o", "PubkeyAuthentication=no", "-o", "PreferredAuthentications=password,keyboard-interactive")
        refused = [self.ssh(*no_key), self.ssh(key="stranger"), self.ssh(user="guest"), self.ssh(*no_key, user="guest")]
        for done in refused:
            self.assertEqual(255, done.returncode)
            # The methods that sshd would take are in brackets.
            self.assertIn("Permission denied (publickey).", done.stderr)
        offered = self.container.run("sshd", "-T", "-C", "user=root,host=x,addr=192.0.2.2").stdout
        for line in ("passwordauthentication no", "kbdinteractiveauthentication no", "permitemptypasswords no", "permitrootlogin without-password",
                     "authenticationmethods publickey", "allowusers root", "authorizedkeysfile /etc/broker/authorized_keys"):
            self.assertIn(f"\n{line}\n", offered)

    def test_3_only_root_reads_the_keys_and_the_device_made_its_own(self):
        listing = self.container.run("stat", "--format", "%a %U:%G", "/etc/broker/authorized_keys", "/etc/ssh/ssh_host_ed25519_key").stdout
        self.assertEqual("600 root:root\n600 root:root\n", listing)

    def test_4_the_report_says_how_to_log_in_and_how_the_machine_is_recognised(self):
        self.apply()
        mine, shown = (self.fingerprint(path) for path in (self.folder / "mine.pub", self.container.root / "etc/ssh/ssh_host_ed25519_key.pub"))
        report = self.container.boot_file("broker-report.txt").read_text()
        self.assertIn("  ssh root@plant-2.local\n", report)
        self.assertIn(f"    ssh-ed25519 {mine} mine\n", report)
        self.assertIn(f"    ssh-ed25519 {shown}\n", report)
        self.assertIn("TCP ports open in the firewall: 22, 1883.", report)
        ssh = self.container.report()["access"]["ssh"]
        self.assertEqual([{"type": "ssh-ed25519", "fingerprint": mine, "remark": "mine"}], ssh["keys"])

    def fingerprint(self, path):
        return subprocess.run(["ssh-keygen", "-l", "-f", path], check=True, capture_output=True, text=True).stdout.split()[1]

    def test_5_timesyncd_asks_the_servers_of_the_file(self):
        self.assertEqual('as 2 "192.0.2.2" "ntp.nict.jp"', wait_for(self.servers, "timesyncd"))

    def test_6_ten_more_runs_change_nothing(self):
        before = self.state()
        for _ in range(10):
            self.apply()
        self.assertEqual(before, self.state())
        self.assertEqual([], self.container.report()["steps"])

    def test_7_another_boot_lets_in_the_same_key(self):
        before = self.state()[0]
        self.unplug()
        self.container.power_off()
        self.start()
        self.assertEqual(before, self.state()[0])
        wait_for(lambda: self.ssh().returncode == 0, "a login after another boot")

    def test_8_without_keys_it_is_closed_and_nobody_can_start_it(self):
        with subprocess.Popen(self.command(f"root@{IPV4}", "cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as session:
            self.addCleanup(session.kill)
            self.assertEqual(b"here\n", self.echo(session, b"here\n"))
            self.apply(PLAIN)
            self.assertEqual(None, self.echo(session, b"still here\n"), "who is logged in stays")
            session.kill()
        self.assertEqual("inactive", self.container.show("ssh", "ActiveState"))
        self.assertEqual("disabled", self.container.run("systemctl", "is-enabled", "ssh", check=False).stdout.strip())
        self.assertFalse((self.container.root / "etc/broker/authorized_keys").exists())
        self.assertEqual("dropped", self.knock())
        self.container.run("systemctl", "start", "ssh")
        self.assertEqual("inactive", self.container.show("ssh", "ActiveState"))
        self.assertEqual("as 0", wait_for(self.servers, "timesyncd"))
        self.assertNotIn("ssh root@", self.container.boot_file("broker-report.txt").read_text())

    def echo(self, session, line):
        """What comes back of a line within two seconds."""
        session.stdin.write(line)
        session.stdin.flush()
        return session.stdout.readline() if select.select([session.stdout], [], [], 2)[0] else None

    def test_9_keys_taken_away_while_it_was_off_never_come_in_again(self):
        self.apply(ASKED.format(key=self.key))
        wait_for(lambda: self.ssh().returncode == 0, "a login")
        self.unplug()
        self.container.power_off()
        self.container.boot_file("broker.toml").write_text(PLAIN)
        self.start()
        self.assertEqual("dropped", self.knock())
        self.assertEqual("0", self.container.show("ssh", "ExecMainPID"))
        self.assertEqual("disabled", self.container.run("systemctl", "is-enabled", "ssh", check=False).stdout.strip())


if __name__ == "__main__":
    unittest.main()
