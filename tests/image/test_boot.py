# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The real image in QEMU, with nothing but an edited broker.toml on the card.

The first start takes the file, and the machine is then killed under load like by a power cut. The owner edits the file again:
the second start must apply that, and still have every acknowledged message. A third finds many mistakes in the file; a second
card starts as it was shipped. What is on the card is written and read with mtools, as another computer does. Waiting is for marks on the console and for answers, never for a time; limits only end what hangs. Console logs
stay in target/image/test.
"""

import json
import re
import secrets
import subprocess
import sys
import unittest
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "image"))
# Behind this folder, because some files there have the names of those here.
sys.path.append(str(PROJECT / "tests/packaging"))

import card  # noqa: E402
import host  # noqa: E402
import hardening  # noqa: E402
import machine  # noqa: E402
from clients import NumberedPublisher, Subscriber, join_and_leave, publish, publish_over_websocket, take  # noqa: E402

IMAGE = host.TARGET / "mqtt-broker-appliance.img"
FOLDER = host.TARGET / "test"
DISK = FOLDER / "card.img"
CARD_SIZE = 2048 * card.MIB
BOOT_LIMIT_S = 900
MQTT, WEBSOCKET, TLS, SSH = 1883, 8083, 8883, 22
PASSWORD, SECOND_PASSWORD, THIRD_PASSWORD = (secrets.token_hex(16) for _ in range(3))
LOGIN = ("sensors", PASSWORD)
SECOND_LOGIN = ("display", SECOND_PASSWORD)
PROGRAM = "/usr/lib/aarch64-linux-gnu/canary"
"""Where the broker's unit lets programs be executed."""
ABSENT = ("absent", "load")
"""Client identifier and topic of a persistent session that nobody continues before the power cut."""
QUEUED = 900
"""Messages published to it, fewer than a session's queue takes."""
CABLE = """\
method = "static"
address = "10.0.2.15/24"
gateway = "10.0.2.2"
dns = ["10.0.2.3"]
"""
"""What QEMU's network would give by itself, too: it leads connections from outside to this address only."""
KEY = FOLDER / "key"
"""Of somebody who may log in over SSH; `key.pub` is its public half."""
WATCH_LED = """\
end=$((SECONDS + 10)); while [ $SECONDS -lt $end ]; do \
read -r now </sys/class/leds/ACT/brightness; [ "$now" = "$before" ] || echo $EPOCHREALTIME $now; before=$now; done"""
"""Each change of the LED in ten seconds, without a program that would be too slow for it."""
BROKER_TOML = f"""\
version = 1

[system]
hostname = "kitchen"

[time]
timezone = "Asia/Tokyo"
ntp_servers = ["ntp.nict.jp", "10.0.2.2"]

[ethernet]
{CABLE}
[ssh]
authorized_keys = ["PUBLIC KEY"]

[[user]]
username = "{LOGIN[0]}"
password = "{PASSWORD}"

[[listener]]
port = {MQTT}

[[listener]]
port = {WEBSOCKET}
protocol = "websockets"

[[listener]]
port = {TLS}
tls = true
"""
EDITS = [
    ('"kitchen"', '"cellar"'),
    ('"Asia/Tokyo"', '"Europe/Vienna"'),
    ('["ntp.nict.jp", "10.0.2.2"]', '["time.example"]'),
    (CABLE, 'method = "auto"\n'),
    ("[ssh]\nauthorized_keys", "# [ssh]\n# authorized_keys"),
    ("[[listener]]", f'[[user]]\nusername = "{SECOND_LOGIN[0]}"\npassword = "{SECOND_PASSWORD}"\nacl = ["read home/#"]\n\n[[listener]]'),
]
"""What the owner changes in the file as the first start left it: another name, time zone and time server, addresses by
themselves, no SSH, and one more user, who may only read."""
MISTAKES = [
    ('hostname = "cellar"', 'hostname = "our cellar"', "one name without dots"),
    ('timezone = "Europe/Vienna"', 'timezon = "Europe/Vienna"', "`timezone`"),
    ("port = 1883", "prot = 1883", "`port`"),
    ('protocol = "websockets"', 'protocol = "websocket"', '"websockets"'),
    ("tls = true", 'tls = "yes"', "without quotes"),
]
"""What was written, what the owner makes of it, and a part of the remedy that the report has to tell for that line."""


def edit(*changes):
    """Edits the file on the card as an owner does, who sees what the last start left of it."""
    boot = card.BootPartition(DISK)
    text = boot.read("broker.toml").decode()
    for old, new in changes:
        assert old in text, (old, text)
        text = text.replace(old, new, 1)
    boot.write("broker.toml", text.encode())
    return text


class Boot(unittest.TestCase):
    """A running machine."""

    @classmethod
    def setUpClass(cls):
        cls.pi = machine.Machine(DISK, FOLDER / cls.__name__, (MQTT, WEBSOCKET, TLS, SSH), shell=True, led=True)
        cls.addClassCleanup(cls.pi.kill)
        cls.pi.start()
        cls.shell = cls.pi.shell(BOOT_LIMIT_S)
        cls.addClassCleanup(cls.shell.close)
        cls.state = cls.shell.try_run("systemctl is-system-running --wait", BOOT_LIMIT_S)
        # Outside connections are accepted by QEMU even before the machine has an address.
        cls.shell.run("nm-online --quiet --timeout=150")
        print(f"{cls.__name__}: up after {cls.pi.cpu_seconds():.0f} s of processor time", file=sys.stderr)

    def test_every_unit_is_well(self):
        self.assertEqual(("running\n", 0), self.state, self.shell.run("systemctl --failed --no-pager"))


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

    def test_the_root_file_system_fills_the_card(self):
        size = int(self.shell.run("df --output=size --block-size=1M / | tail -1"))
        self.assertGreater(size, 0.9 * (CARD_SIZE - card.root(DISK).offset) / card.MIB)


class FirstStart(Configured):
    host_name, time_zone, time_servers = "kitchen", "Asia/Tokyo", ["ntp.nict.jp", "10.0.2.2"]
    cable, ssh_is_open, taken = "manual", True, (PASSWORD,)

    @classmethod
    def setUpClass(cls):
        machine.copy_card(IMAGE, DISK, CARD_SIZE)
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
        join_and_leave(address, LOGIN, *ABSENT)
        publisher = NumberedPublisher(address, LOGIN, ABSENT[1], QUEUED)
        publisher.wait_for_acknowledgements(QUEUED // 4)
        cls.pi.kill()
        FirstStart.acknowledged = publisher.end()
        print(f"power cut after {FirstStart.acknowledged} acknowledgements", file=sys.stderr)


class EditedAfterPowerCut(Configured):
    """The machine was killed under load where FirstStart left it; then the owner edited the file."""

    host_name, time_zone, time_servers = "cellar", "Europe/Vienna", ["time.example"]
    cable, ssh_is_open, taken = "auto", False, (PASSWORD, SECOND_PASSWORD)

    @classmethod
    def setUpClass(cls):
        text = edit(*EDITS)
        assert SECOND_PASSWORD in text and PASSWORD not in text
        super().setUpClass()

    def test_every_acknowledged_message_reaches_the_absent_session(self):
        number = FirstStart.acknowledged
        taken = take(self.pi.address(MQTT), LOGIN, *ABSENT, number)
        self.assertEqual([str(line) for line in range(1, number + 1)], taken)

    def test_the_new_user_reads_and_may_not_write(self):
        with Subscriber(self.pi.address(MQTT), SECOND_LOGIN, "home/+") as subscriber:
            # At the same quality from both: what the new user sent would come first.
            publish(self.pi.address(MQTT), SECOND_LOGIN, "home/window", "forged")
            self.assertEqual(0, publish(self.pi.address(MQTT), LOGIN, "home/door", "open").returncode)
            self.assertEqual(["home/door", "open"], subscriber.message())


class StartWithMistakes(Boot):
    """The owner edited the file once more, made mistakes, and wrote one more user."""

    @classmethod
    def setUpClass(cls):
        late = f'\n[[user]]\nusername = "late"\npassword = "{THIRD_PASSWORD}"\n'
        cls.text = edit(*((old, new) for old, new, _ in MISTAKES)) + late
        card.BootPartition(DISK).write("broker.toml", cls.text.encode())
        super().setUpClass()

    def test_the_led_blinks_twice_and_pauses(self):
        self.shell.run("until grep -qF '[pattern]' /sys/class/leds/ACT/trigger; do sleep 1; done")
        pattern = self.shell.run("cat /sys/class/leds/ACT/pattern")
        self.assertEqual(2, pattern.count("1 200"), pattern)
        times = [(float(time), state) for time, state in map(str.split, self.shell.run(WATCH_LED).splitlines())]
        dark = [end - begin for (begin, state), (end, _) in zip(times, times[1:]) if state == "0"]
        print(f"\nLED dark for {', '.join(f'{time:.2f}' for time in dark)} s", file=sys.stderr)
        # A busy machine misses some changes; between two blinks it is dark for 0.3 s, in the pause for 1.8 s.
        self.assertGreaterEqual(min(sum(time < 0.8 for time in dark), sum(time > 1.5 for time in dark)), 2)

    def test_the_last_good_state_runs(self):
        self.assertEqual(0, publish(self.pi.address(MQTT), LOGIN, "home/door", "open").returncode)
        self.assertEqual("cellar", self.shell.run("hostnamectl --static").strip())
        self.assertEqual("Europe/Vienna", self.shell.run("timedatectl show --property=Timezone --value").strip())

    def test_nothing_of_the_file_is_applied(self):
        self.assertNotEqual(0, publish(self.pi.address(MQTT), ("late", THIRD_PASSWORD), "home/door", "open").returncode)

    def test_the_report_lists_every_problem_with_its_line_and_the_remedy(self):
        self.shell.run("sync")
        report = card.BootPartition(DISK).read("broker-report.txt").decode()
        print(f"\n{report}", file=sys.stderr)
        # The words of one problem may go over several lines.
        words = " ".join(report.split())
        lines = [self.text.splitlines().index(written) + 1 for _, written, _ in MISTAKES]
        for line, (_, written, remedy) in zip(lines, MISTAKES):
            with self.subTest(written):
                self.assertRegex(words, rf"line {line}\b((?! line \d).)*{re.escape(remedy)}")
        machine_readable = json.loads(card.BootPartition(DISK).read("broker-report.json"))
        self.assertEqual(("refused", lines), (machine_readable["result"], [problem["line"] for problem in machine_readable["problems"]]))
        self.assertNotIn(THIRD_PASSWORD, report)


class ShippedCard(Boot):
    """A card nobody edited, with a canary on its root file system."""

    @classmethod
    def setUpClass(cls):
        machine.copy_card(IMAGE, DISK, CARD_SIZE)
        canary = FOLDER / "canary"
        subprocess.run(["aarch64-linux-gnu-gcc", "-static", "-o", canary, PROJECT / hardening.CANARY], check=True)
        card.write_to_root(DISK, canary, PROGRAM)
        super().setUpClass()
        cls.shell.run("sync")
        cls.report = json.loads(card.BootPartition(DISK).read("broker-report.json"))
        cls.login = (cls.report["login"]["username"], cls.report["login"]["password"])

    def test_the_report_has_a_login_that_works(self):
        self.assertEqual("mqtt", self.login[0])
        with Subscriber(self.pi.address(MQTT), self.login, "home/+") as subscriber:
            self.assertEqual(0, publish(self.pi.address(MQTT), self.login, "home/door", "open").returncode)
            self.assertEqual(["home/door", "open"], subscriber.message())

    def test_the_exposure_of_each_unit_is_below_its_limit(self):
        for unit, limit in hardening.EXPOSURE_LIMITS.items():
            judged = self.shell.run(f"systemd-analyze security --no-pager {unit} | tail -n 1")
            print(f"\n{judged.strip()}", file=sys.stderr)
            self.assertLessEqual(hardening.exposure(judged), limit)

    def test_an_intruder_in_the_brokers_place_is_denied_everything(self):
        folder = "/run/systemd/system/broker.service.d"
        drop_in = hardening.IN_PLACE_OF_THE_BROKER.format(program=PROGRAM).replace("\n", "\\n")
        self.shell.run(f"mkdir -p {folder} && printf '{drop_in}' >{folder}/99-canary.conf && systemctl daemon-reload")
        self.shell.run("systemctl stop broker; systemctl start broker; journalctl --sync")
        tried = hardening.attempts(self.shell.run("journalctl -u broker -o cat --no-pager | grep ^canary:").splitlines())
        self.shell.run(f"rm {folder}/99-canary.conf; systemctl daemon-reload; systemctl restart broker")
        print("".join(f"\n{attempt:40} {outcome}" for attempt, outcome in tried.items()), file=sys.stderr)
        self.assertEqual((hardening.ATTEMPTS, []), (len(tried), hardening.allowed(tried)))

    def test_the_kernels_settings_are_hardened(self):
        files = " ".join("/proc/sys/" + name.replace(".", "/") for name in hardening.SYSCTLS)
        found = self.shell.run(f"for file in {files}; do cat $file; done").split("\n")
        self.assertEqual(hardening.SYSCTLS, dict(zip(hardening.SYSCTLS, found)))

    def test_only_the_listener_is_open_and_only_its_port_in_the_firewall(self):
        rules = self.shell.run("nft list table inet broker_appliance")
        self.assertEqual([str(MQTT)], re.findall(r"elements = \{ (.*) \}", rules), rules)
        self.assertIn("hook input priority filter; policy drop;", rules)
        sockets = [line.split()[3] for line in self.shell.run("ss -Hlnt").splitlines()]
        self.assertEqual([f"*:{MQTT}"], sockets)

    def test_nobody_comes_in_without_it(self):
        self.assertNotEqual(0, publish(self.pi.address(MQTT), None, "home/door", "open").returncode)

    def test_the_login_is_in_no_log(self):
        # The shell's own output goes to another line than the console.
        found, status = self.shell.try_run(f"journalctl --no-pager | grep -c -- '{self.login[1]}'")
        self.assertEqual(("0", 1), (found.strip(), status))
        self.assertNotIn(self.login[1], self.pi.text())


def setUpModule():
    if not IMAGE.exists():
        raise FileNotFoundError(f"{IMAGE} is missing; run make image first")
    host.need_qemu_system()
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("key*"):
        old.unlink()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "owner", "-f", KEY], check=True)
    unittest.addModuleCleanup(DISK.unlink, missing_ok=True)


def load_tests(loader, _tests, _pattern):
    """The order is the story."""
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in (FirstStart, EditedAfterPowerCut, StartWithMistakes, ShippedCard))
