# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The story of one card: an edited broker.toml, a power cut under load, and the file edited once more.

The first start takes the file, and the machine is then killed like by a power cut. The owner edits the file again: the
second start must apply that, and still have every acknowledged message. What is on the card is written and read with
mtools, as another computer does.
"""

import json
import re
import subprocess
import sys

import card
import machine
from boot import CARD_SIZE, DISK, FOLDER, Boot
from clients import NumberedPublisher, Subscriber, joins_and_leaves, publish, publish_over_websocket, take
from kinds import IMAGE
from owner import BROKER_TOML, EDITS, LOGIN, MQTT, PASSWORD, SECOND_LOGIN, SECOND_PASSWORD, SSH, TLS, WEBSOCKET, edit

ABSENT = ("absent", "load")
"""Client identifier and topic of a persistent session that nobody continues before the power cut."""
QUEUED = 900
"""Messages published to it, fewer than a session's queue takes."""
KEY = FOLDER / "key"
"""Of somebody who may log in over SSH; `key.pub` is its public half."""
LISTENERS = (MQTT, WEBSOCKET, TLS)


class Configured(Boot):
    """What must hold after every boot with a file without fault; the subclasses name what is in it."""

    host_name, time_zone, time_servers, cable, ssh_is_open, taken = None, None, None, None, None, ()

    def test_the_configured_user_sends_and_receives(self):
        with Subscriber(self.pi.address(MQTT), LOGIN, "home/+") as subscriber:
            sent = publish(self.pi.address(MQTT), LOGIN, "home/door", "open")
            self.assertEqual(0, sent.returncode, sent.stderr)
            self.assertEqual(["home/door", "open"], subscriber.message())

    def test_what_comes_by_websocket_goes_out_by_tcp(self):
        with Subscriber(self.pi.address(MQTT), LOGIN, "web") as subscriber:
            sent = publish_over_websocket(self.pi.address(WEBSOCKET), LOGIN, "web", "from a browser")
            self.assertEqual(0, sent.returncode, sent.stderr)
            self.assertEqual(["web", "from a browser"], subscriber.message())

    def test_the_ca_of_the_card_is_all_a_client_needs_for_tls(self):
        self.shell.run("sync")
        authority = FOLDER / "ca.crt"
        authority.write_bytes(card.BootPartition(DISK).read("ca.crt"))
        # The address is the one by which QEMU lets this machine in, and the certificate names it too.
        sent = publish(self.pi.address(TLS), LOGIN, "home/door", "open", "--cafile", authority)
        self.assertEqual(0, sent.returncode, sent.stderr)
        shown = subprocess.run(["openssl", "x509", "-in", authority, "-noout", "-fingerprint", "-sha256"],
                               check=True, capture_output=True, text=True).stdout
        report = card.BootPartition(DISK).read("broker-report.txt").decode()
        self.assertIn(shown.strip().split("=")[1], report)

    def test_a_wrong_password_is_refused_with_a_reason(self):
        sent = publish(self.pi.address(MQTT), (LOGIN[0], PASSWORD[::-1]), "home/door", "open")
        self.assertNotEqual(0, sent.returncode)
        self.assertRegex(sent.stderr, "(?i)not authori[sz]ed|bad user name or password")

    def test_a_client_without_a_login_is_refused(self):
        self.assertNotEqual(0, publish(self.pi.address(MQTT), None, "home/door", "open").returncode)

    def test_host_name_and_time_zone_are_those_of_the_file(self):
        self.assertEqual(self.host_name, self.shell.run("hostnamectl --static").strip())
        self.assertEqual(self.time_zone, self.shell.run("timedatectl show --property=Timezone --value").strip())

    def test_the_time_servers_are_those_of_the_file(self):
        asked = self.shell.run("busctl get-property org.freedesktop.timesync1 /org/freedesktop/timesync1 "
                               "org.freedesktop.timesync1.Manager SystemNTPServers")
        self.assertEqual(self.time_servers, re.findall('"(.*?)"', asked))

    def test_the_cable_is_set_up_as_the_file_says(self):
        self.assertIn("broker-ethernet\n", self.shell.run("nmcli --get-values NAME connection show --active"))
        self.assertEqual(self.cable, self.shell.run("nmcli --get-values ipv4.method connection show broker-ethernet").strip())
        self.assertIn("10.0.2.15/24", self.shell.run("ip -brief -4 address"))

    def test_a_login_over_ssh_needs_a_key_of_the_file(self):
        port = str(self.pi.address(SSH)[1])
        command = ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                   "-o", "IdentitiesOnly=yes", "-i", KEY, "-p", port, "root@127.0.0.1", "hostname"]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
        self.assertEqual(f"{self.host_name}\n" if self.ssh_is_open else "", done.stdout, done.stderr)
        self.assertEqual("active" if self.ssh_is_open else "inactive", self.shell.try_run("systemctl is-active ssh")[0].strip())

    def test_the_report_on_the_card_says_that_the_file_is_applied(self):
        self.shell.run("sync")
        boot = card.BootPartition(DISK)
        report = json.loads(boot.read("broker-report.json"))
        text = boot.read("broker-report.txt").decode()
        self.assertEqual("applied", report["result"], text)
        for told in (f"mqtt://{self.host_name}.local:{MQTT}", str(WEBSOCKET), str(TLS)):
            self.assertIn(told, text)
        self.assertEqual([], [secret for secret in (PASSWORD, SECOND_PASSWORD) if secret in text])

    def test_the_clusters_of_the_file_hold_no_secret(self):
        self.shell.run("sync")
        clusters = card.BootPartition(DISK).clusters("broker.toml")
        self.assertIn(f'hostname = "{self.host_name}"'.encode(), clusters)
        self.assertEqual([], [secret for secret in self.taken if secret.encode() in clusters])

    def test_systemctl_status_shows_a_watched_broker_at_work(self):
        status = self.shell.run("systemctl status broker --no-pager --lines=0")
        print(f"\n{status}", file=sys.stderr)
        self.assertIn("Active: active (running)", status)
        self.assertRegex(status, r'Status: ".*3 listeners')
        shown = self.shell.run("systemctl show broker --property=WatchdogUSec,NRestarts")
        self.assertEqual({"WatchdogUSec=10s", "NRestarts=0"}, set(shown.split()))

    def test_the_journal_names_client_user_and_address(self):
        sent = publish(self.pi.address(MQTT), LOGIN, "home/door", "open", "-i", "journal-probe")
        self.assertEqual(0, sent.returncode, sent.stderr)
        query = "journalctl -u broker -b -o json --output-fields=CLIENT_ID,REMOTE_ADDR,USERNAME,MESSAGE_ID CLIENT_ID=journal-probe"
        # The journal is written beside the work; the shell's limit ends this if nothing comes.
        lines = self.shell.run(f"until {query} | grep USERNAME; do sleep 1; done")
        entries = [json.loads(line) for line in lines.splitlines() if line.startswith("{")]
        print(f"\n{lines}", file=sys.stderr)
        self.assertTrue(any({"CLIENT_ID", "REMOTE_ADDR", "USERNAME", "MESSAGE_ID"} <= entry.keys()
                            and entry["USERNAME"] == LOGIN[0] for entry in entries), lines)

    def test_nothing_blinks_while_all_is_well(self):
        self.shell.run("while grep -qF '[pattern]' /sys/class/leds/ACT/trigger; do sleep 1; done")
        self.assertEqual("active", self.shell.run("systemctl is-active broker-led").strip())

    def test_settings_and_messages_lie_on_a_partition_of_their_own(self):
        places = card.partitions(DISK)
        self.assertEqual((4096 * card.MIB, 0x83), (places[card.ROOT].size, places[card.STATE].kind))
        self.assertGreater(int(self.shell.run("df --output=size --block-size=1M / | tail -1")), 0.9 * 4096)
        self.assertEqual({"/dev/vda3"}, set(self.shell.run("for folder in /etc/broker /var/lib/broker /var/lib/broker-provision /var/log/mqtt-broker;"
                                                           " do findmnt --noheadings --nofsroot --output=SOURCE $folder; done").split()))
        self.shell.run("sync")
        report = card.BootPartition(DISK).read("broker-report.txt").decode()
        self.assertIn("Settings and messages lie on a partition of their own", report)

    def test_nothing_swaps_to_the_card_and_the_log_is_in_memory(self):
        self.assertEqual("/dev/zram0", self.shell.run("swapon --show=NAME --noheadings").strip())
        self.assertEqual("", self.shell.run("find /var/log/journal -name '*.journal'").strip())


class FirstStart(Configured):
    host_name, time_zone, time_servers = "kitchen", "Asia/Tokyo", ["ntp.nict.jp", "10.0.2.2"]
    cable, ssh_is_open, taken = "manual", True, (PASSWORD,)
    ports = (*LISTENERS, SSH)

    @classmethod
    def setUpClass(cls):
        machine.copy_card(IMAGE, DISK, CARD_SIZE)
        make_key()
        public = KEY.with_suffix(".pub").read_text().strip()
        card.BootPartition(DISK).write("broker.toml", BROKER_TOML.replace("PUBLIC KEY", public).encode())
        # Proof that the searches for the password can find it.
        assert card.BootPartition(DISK).contains(PASSWORD.encode())
        assert PASSWORD.encode() in card.BootPartition(DISK).clusters("broker.toml")
        super().setUpClass()
        cls.addClassCleanup(cls.cut_the_power_under_load)

    def test_a_file_written_once_leaves_its_secret_nowhere_on_the_boot_partition(self):
        self.shell.run("sync")
        self.assertFalse(card.BootPartition(DISK).contains(PASSWORD.encode()))

    @classmethod
    def cut_the_power_under_load(cls):
        address = cls.pi.address(MQTT)
        assert joins_and_leaves(address, LOGIN, *ABSENT)
        publisher = NumberedPublisher(address, LOGIN, ABSENT[1], QUEUED)
        publisher.wait_for_acknowledgements(QUEUED // 4)
        cls.pi.kill()
        FirstStart.acknowledged = publisher.end()
        print(f"power cut after {FirstStart.acknowledged} acknowledgements", file=sys.stderr)


class EditedAfterPowerCut(Configured):
    """The machine was killed under load where FirstStart left it; then the owner edited the file."""

    host_name, time_zone, time_servers = "cellar", "Europe/Vienna", ["time.example"]
    cable, ssh_is_open, taken = "auto", False, (PASSWORD, SECOND_PASSWORD)
    ports = LISTENERS
    more = ("led", "watchdog")
    goes_on = True

    @classmethod
    def setUpClass(cls):
        text = edit(DISK, *EDITS)
        assert SECOND_PASSWORD in text and PASSWORD not in text
        super().setUpClass()

    def test_every_acknowledged_message_reaches_the_absent_session(self):
        number = FirstStart.acknowledged
        taken = take(self.pi.address(MQTT), LOGIN, *ABSENT, number)
        self.assertEqual([str(line) for line in range(1, number + 1)], taken)

    def test_the_hardware_watches_over_the_kernel(self):
        shown = self.shell.run("systemctl show --property=RuntimeWatchdogUSec; cat /sys/class/watchdog/watchdog0/state")
        self.assertEqual(["RuntimeWatchdogUSec=14s", "active"], shown.split())

    def test_the_new_user_reads_and_may_not_write(self):
        with Subscriber(self.pi.address(MQTT), SECOND_LOGIN, "home/+") as subscriber:
            # At the same quality from both: what the new user sent would come first.
            publish(self.pi.address(MQTT), SECOND_LOGIN, "home/window", "forged")
            self.assertEqual(0, publish(self.pi.address(MQTT), LOGIN, "home/door", "open").returncode)
            self.assertEqual(["home/door", "open"], subscriber.message())


def make_key():
    """Makes KEY anew."""
    for old in FOLDER.glob(f"{KEY.name}*"):
        old.unlink()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "owner", "-f", KEY], check=True)
