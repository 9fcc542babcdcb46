# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What is written down over a full life: nothing a client says is obeyed by whoever reads it, and no secret is among it."""

import secrets
import sys
import unicodedata
import unittest
from pathlib import Path

from container import PROJECT, Container, wait_for
from strangers import END

OPEN = """\
version = 1
[broker]
allow_anonymous = true
[[listener]]
port = 1883
[[listener]]
port = 8083
protocol = "websockets"
"""
WHOLE = """\
[Service]
LogRateLimitIntervalSec=0
"""
TO_STDERR = """\
[Service]
StandardError=file:/run/broker-stderr
"""


class Strangers(unittest.TestCase):
    """500 strings with escapes, line breaks and changes of direction, in nine places."""

    @classmethod
    def setUpClass(cls):
        cls.container = Container()
        cls.addClassCleanup(cls.container.remove)
        cls.container.install()
        cls.container.boot_file("broker.toml").write_text(OPEN)
        cls.drop_in = cls.container.root / "etc/systemd/system/broker.service.d/99-test.conf"
        cls.drop_in.parent.mkdir()
        cls.drop_in.write_text(WHOLE)
        cls.container.boot()

    def speak(self):
        strangers = str(PROJECT / "tests/packaging/strangers.py")
        said = self.container.network(sys.executable, "-B", strangers, "speak", "1883", "8083").stdout
        self.assertEqual("500", said.strip())

    def harmful(self, text):
        """What a terminal or a parser would obey: controls but the line's end, and what changes the direction or is not seen."""
        return {f"U+{ord(character):04X}" for character in text
                if character != "\n" and unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Co", "Cs")}

    def test_1_the_journal_holds_none_of_it_raw(self):
        self.speak()
        wait_for(lambda: any(END in entry["MESSAGE"] for entry in self.container.journal("broker")), "the last client")
        read = self.container.run("journalctl", "--boot", "--unit", "broker", "--output", "cat", "--no-pager").stdout
        self.assertGreater(len(read.splitlines()), 500)
        self.assertEqual(set(), self.harmful(read))
        entries = self.container.journal("broker")
        for entry in entries:
            for name, value in entry.items():
                # What is not text comes as a list of bytes.
                self.assertIsInstance(value, str, name)
                self.assertEqual(set(), self.harmful(value) | ({"a line's end"} if "\n" in value else set()), f"{name}={value}")
                self.assertLess(len(value), 2048, name)
        # Only systemd says something about the broker besides itself.
        self.assertLessEqual({entry["_SYSTEMD_UNIT"] for entry in entries}, {"broker.service", "init.scope"})
        self.assertNotIn("forged", {entry["MESSAGE"] for entry in entries})
        longest = max(len(entry["MESSAGE"]) for entry in entries)
        print(f"\n500 strings: {len(entries)} entries, the longest of {longest} characters", file=sys.stderr)

    def test_2_neither_does_what_it_writes_without_a_journal(self):
        self.drop_in.write_text(TO_STDERR)
        self.container.run("systemctl", "daemon-reload")
        self.container.run("systemctl", "restart", "broker")
        self.speak()
        written = Path(self.container.running_path("run/broker-stderr"))
        wait_for(lambda: END in written.read_text(), "the last client")
        self.assertGreater(len(written.read_text().splitlines()), 500)
        self.assertEqual(set(), self.harmful(written.read_text()))


SECRETS = {name: f"{name}-{secrets.token_hex(12)}" for name in (
    "card", "hashed", "wrong", "wrong-web", "refused", "unquoted", "curly", "misspelt", "wifi", "daemon", "passwd", "payload", "retained", "will")}
STORE = ("var/lib/broker/store/",)
ALLOWED = {
    # A refused file stays as its owner wrote it.
    **dict.fromkeys(("refused", "unquoted", "curly", "misspelt", "wifi"), ("boot/firmware/broker.toml",)),
    "daemon": ("etc/broker/broker.toml",),
    # What must survive a power cut lies in the store, which is the broker's alone.
    "retained": STORE, "will": STORE, "payload": STORE,
}
"""Where a planted secret may lie in the end; everywhere else it is a leak."""
HASHES = ("etc/broker/broker.toml", "var/lib/broker-provision/desired.json", "boot/firmware/broker.toml")
KEYS = ("etc/broker/tls/", "etc/broker/card/", "var/lib/broker-provision/")
CARD = """\
version = 1
[[user]]
username = "sensors"
password = "{card}"
[[user]]
username = "meter"
auth = "scram"
password = "pencil, sharp=1"
[[user]]
username = "display"
{hash}
[[listener]]
port = 1883
[[listener]]
port = 8083
protocol = "websockets"
"""
REFUSED = [
    '[[user]]\nusername = "a"\npassword = "{refused}"\nallow = 7\n',
    '[[user]]\nusername = "a"\npassword = {unquoted}\n',
    '[[user]]\nusername = "a"\npassword = “{curly}”\n',
    '[[user]]\nusername = "a"\npasswort = "{misspelt}"\n[wifi]\nssid = "home"\npsk = "{wifi}"\n',
]
SEARCHED = ("etc", "var", "root", "home", "srv", "opt", "tmp", "boot")
IN_MEMORY = ("run", "tmp", "dev/shm")


class FullLife(unittest.TestCase):
    """Logins, faults, refused files, every command, a crash; then everything written is searched. There is one log level: all."""

    @classmethod
    def setUpClass(cls):
        cls.container = Container()
        cls.addClassCleanup(cls.container.remove)
        cls.container.install()
        cls.told = []
        line = cls.container.chroot("sh", "-c", f"echo '{SECRETS['hashed']}' | broker passwd").stdout.strip()
        cls.hash = line.split('"')[1]
        card = CARD.format(**SECRETS, hash=line)
        cls.container.boot_file("broker.toml").write_text(card)
        cls.container.boot()
        cls.log_in()
        cls.refuse(cls.container.boot_file("broker.toml").read_text())
        cls.crash()
        cls.container.run("journalctl", "--sync")
        cls.told += [cls.container.run("journalctl", "--output", "export", "--no-pager").stdout, cls.container.console()]

    @classmethod
    def tell(cls, *command, stdin=None):
        """Runs one of our commands in the container and keeps what it said."""
        done = cls.container.run(*command, check=False, stdin=stdin)
        cls.told += [done.stdout, done.stderr]

    @classmethod
    def log_in(cls):
        sensors = ("-u", "sensors", "-P", SECRETS["card"])
        cls.container.network("mosquitto_sub", *sensors, "-i", "away", "-c", "-q", "1", "-t", "#", "-E")
        cls.container.network("mosquitto_pub", *sensors, "-q", "1", "-t", "x", "-m", SECRETS["payload"],
                              "--will-topic", "w", "--will-payload", SECRETS["will"])
        cls.container.network("mosquitto_pub", *sensors, "-q", "1", "-r", "-t", "x", "-m", SECRETS["retained"])
        cls.container.network("mosquitto_pub", "-u", "display", "-P", SECRETS["hashed"], "-t", "x", "-m", "y")
        cls.container.network("mosquitto_pub", "-u", "sensors", "-P", SECRETS["wrong"], "-t", "x", "-m", "y", check=False)
        cls.container.network("mosquitto_pub", "-u", "nobody", "-P", SECRETS["wrong"], "-t", "x", "-m", "y", check=False)
        cls.container.network(sys.executable, "-B", PROJECT / "tests/interop/scram_rounds.py", "1883", check=False)
        cls.tell("broker", "pub", "--ws", "-p", "8083", "-u", "sensors", "-P", SECRETS["wrong-web"], "-t", "x", "-m", "y")
        cls.tell("broker", "pub", *sensors, "-t", "x", "-m", SECRETS["payload"])
        for command in ("status", "reload"):
            cls.tell("broker", command)
        cls.container.run("broker", "passwd", stdin=f"{SECRETS['passwd']}\n")

    @classmethod
    def refuse(cls, good):
        card, settings = cls.container.boot_file("broker.toml"), cls.container.root / "etc/broker/broker.toml"
        for text in REFUSED:
            card.write_text(good + text.format(**SECRETS))
            for command in (("broker-provision", "plan"), ("broker-provision", "status"), ("broker", "check", "/boot/firmware/broker.toml")):
                cls.tell(*command)
            cls.container.run("systemctl", "restart", "broker-provision")
            cls.told += [path.read_text() for path in card.parent.glob("broker-report.*")]
        card.write_text(good + "".join(REFUSED).format(**SECRETS))
        kept = settings.read_text()
        settings.write_text(kept + f'[[user]]\nusername = "late"\npassword = "{SECRETS["daemon"]}"\ncolour = 1\n')
        cls.tell("broker", "reload")
        cls.tell("broker", "check", "/etc/broker/broker.toml")

    @classmethod
    def crash(cls):
        before = cls.container.show("broker", "MainPID")
        cls.container.run("systemctl", "kill", "--kill-whom=main", "--signal=ABRT", "broker")
        wait_for(lambda: cls.container.show("broker", "MainPID") not in ("0", before), "another process")

    def files(self):
        """Every file that may have been written, by its path in the container, with its contents."""
        places = [(self.container.root / name, name) for name in SEARCHED]
        places += [(Path(self.container.running_path(name)), name) for name in IN_MEMORY]
        for top, name in places:
            for path in top.rglob("*"):
                if path.is_file() and not path.is_symlink() and path.suffix != ".deb":
                    yield f"{name}/{path.relative_to(top)}", path.read_bytes()

    def test_no_secret_is_told_by_the_journal_the_console_a_report_or_a_command(self):
        told = "\n".join(self.told)
        self.assertIn("wrong password", told)
        self.assertEqual([], [name for name, secret in SECRETS.items() if secret in told])
        self.assertEqual([], [words for words in ("pencil, sharp", "$argon2id$", "$scram-sha-256$", "PRIVATE KEY", self.hash) if words in told])
        print(f"\n{len(SECRETS)} secrets are not in the {len(told)} characters told", file=sys.stderr)

    def test_every_secret_on_the_device_is_where_it_belongs(self):
        leaks, found, searched = [], set(), 0
        for path, contents in self.files():
            searched += 1
            for name, secret in SECRETS.items():
                if secret.encode() in contents:
                    found.add(name)
                    leaks += [f"{name}: {path}"] if not path.startswith(ALLOWED.get(name, ("none",))) else []
            for words, allowed in ((b"pencil, sharp", ("none",)), (b"$argon2id$", HASHES), (b"$scram-sha-256$", HASHES), (b"PRIVATE KEY-----\n", KEYS)):
                leaks += [f"{words.decode()}: {path}"] if words in contents and not path.startswith(allowed) else []
        self.assertEqual([], leaks)
        # The search does find what is there.
        self.assertLessEqual({"retained", "refused", "daemon"}, found)
        print(f"\n{searched} files searched; allowed and found: {', '.join(sorted(found))}", file=sys.stderr)

    def test_a_crash_leaves_no_core(self):
        cores = [path for path, contents in self.files() if contents.startswith(b"\x7fELF") or "systemd/coredump/" in path]
        self.assertEqual([], cores)


if __name__ == "__main__":
    unittest.main()
