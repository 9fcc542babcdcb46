# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A factory reset on a device that has worked: of the secrets it kept, no file holds one afterwards. Then a backup is restored.

What the device keeps lies on a file system of its own, as on a large card.
"""

import subprocess
import tempfile
import unittest
from pathlib import Path

from container import Container, wait_for

CARD = """\
version = 1
[system]
hostname = "plant-2"
[[user]]
username = "sensors"
password = "correct horse battery"
[[listener]]
port = 1883
[[listener]]
port = 8883
tls = true
"""
LOGIN = ("-u", "sensors", "-P", "correct horse battery")
ANOTHER = CARD.replace("correct horse", "another")
PLANTED = 50
FOLDERS = ("etc/broker", "var/lib/broker", "var/lib/broker-provision", "var/log/mqtt-broker")
MARK = "var/lib/broker-provision/factory-reset"


class FactoryReset(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.container = Container()
        cls.addClassCleanup(cls.container.remove)
        cls.container.install()
        cls.mount_state()
        cls.container.boot_file("broker.toml").write_text(CARD)
        cls.container.boot()
        cls.secrets = cls.plant()
        cls.authority = cls.container.boot_file("ca.crt").read_text()
        cls.backup = cls.back_up()
        cls.container.boot_file("factory-reset.txt").write_text("plant-2\r\n")
        cls.container.run("systemctl", "restart", "broker-provision")
        cls.while_it_ran = cls.container.boot_file("broker-report.txt").read_text()
        cls.before = {secret: cls.files_with(secret) for secret in cls.secrets}
        cls.container.power_off()
        cls.container.boot_file("broker.toml").write_text(ANOTHER)
        cls.container.boot()

    @classmethod
    def mount_state(cls):
        """A mount can be neither renamed nor removed, and nothing is renamed into it from elsewhere."""
        folder = tempfile.TemporaryDirectory(prefix="broker-state-", dir="/var/tmp")
        cls.addClassCleanup(folder.cleanup)
        disk, state = Path(folder.name) / "disk", Path(folder.name) / "state"
        with disk.open("wb") as file:
            file.truncate(512 * 1024 * 1024)
        state.mkdir()
        subprocess.run(["mke2fs", "-q", "-t", "ext4", disk], check=True)
        mounts = [(disk, state, "loop")]
        mounts += [(state / name, cls.container.root / name, "bind") for name in FOLDERS]
        for source, target, option in mounts:
            if option == "bind":
                source.mkdir(parents=True)
                target.mkdir(parents=True, exist_ok=True)
            subprocess.run(["mount", "-o", option, source, target], check=True)
            cls.addClassCleanup(subprocess.run, ["umount", target], check=True)
        # These are undone before the container is removed.
        cls.addClassCleanup(cls.container.power_off)

    @classmethod
    def plant(cls):
        """Secrets where they come to be in use: hash, keys, payloads retained and waiting, and what the log keeps."""
        root = cls.container.root
        hashed = (root / "etc/broker/broker.toml").read_text().split('password_hash = "')[1].split('"')[0]
        keys = [(root / path).read_text().split("PRIVATE KEY-----\n")[1].split("\n")[0]
                for path in ("var/lib/broker-provision/ca.key", "etc/broker/tls/server.pem")]
        secrets = ["correct horse", hashed, *keys]
        away = (*LOGIN, "-i", "away", "-c", "-q", "1", "-t", "queue/#")
        cls.container.network("mosquitto_sub", *away, "-E")
        for number in range(PLANTED - len(secrets)):
            secret = f"planted-{number:02}-secret"
            kind = number % 4
            if kind == 0:
                cls.container.network("mosquitto_pub", *LOGIN, "-r", "-q", "1", "-t", f"kept/{number}", "-m", secret)
            elif kind == 1:
                cls.container.network("mosquitto_pub", *LOGIN, "-q", "1", "-t", f"queue/{number}", "-m", secret)
            else:
                cls.container.run("logger", "--priority", "user.warning", secret)
                logged = secret
            secrets.append(secret)
        wait_for(lambda: logged in (root / "var/log/mqtt-broker/warnings").read_text(), "the warnings on the disk")
        return secrets

    @classmethod
    def back_up(cls):
        """A backup with the secrets, kept outside of the device."""
        cls.container.run("systemctl", "stop", "broker")
        cls.container.run("broker", "backup", "/root/backup", "--with-secrets")
        cls.container.run("systemctl", "start", "broker")
        inside = cls.container.root / "root/backup"
        contents = inside.read_bytes()
        inside.unlink()
        return contents

    @classmethod
    def files_with(cls, secret):
        """The files of root file system and boot partition in which it stands."""
        folders = [cls.container.root / name for name in ("boot", "etc", "home", "root", "srv", "tmp", "var", "opt")]
        done = subprocess.run(["grep", "--recursive", "--fixed-strings", "--binary-files=text", "--files-with-matches",
                               "--devices=skip", "--regexp", secret, *folders], capture_output=True, text=True)
        return done.stdout.splitlines()

    def test_fifty_secrets_stood_in_files_before(self):
        self.assertEqual(PLANTED, len(self.secrets))
        # The password itself was taken from the card and is only known by its hash.
        missing = [secret for secret, files in self.before.items() if not files and secret != "correct horse"]
        self.assertEqual([], missing)

    def test_no_file_holds_one_afterwards(self):
        found = {secret: files for secret in self.secrets if (files := self.files_with(secret))}
        self.assertEqual({}, found)

    def test_beside_a_running_broker_it_is_put_off_in_words(self):
        self.assertIn("Start the device again: it is done before the broker starts.", self.while_it_ran)

    def test_the_report_says_so_and_nothing_is_left_to_do(self):
        self.assertIn("FACTORY RESET\n  Done", self.container.boot_file("broker-report.txt").read_text())
        self.assertFalse((self.container.root / MARK).exists())
        self.assertFalse(self.container.boot_file("factory-reset.txt").exists())

    def test_the_device_has_new_keys_and_serves_the_card_as_it_is_now(self):
        self.assertNotEqual(self.authority, self.container.boot_file("ca.crt").read_text())
        new = ("-h", "localhost", "-p", "8883", "--cafile", self.container.boot_file("ca.crt"), "-u", "sensors", "-P", "another battery")
        heard = self.container.network("mosquitto_sub", *new, "-t", "#", "-W", "1", check=False).stdout
        self.assertEqual("", heard, "retained messages are gone")
        old = self.container.network("mosquitto_pub", *LOGIN, "-t", "x", "-m", "y", check=False)
        self.assertNotEqual(0, old.returncode)

    def test_the_log_goes_on(self):
        self.container.run("logger", "after the reset")
        lines = wait_for(lambda: self.container.run("journalctl", "--grep", "after the reset", check=False).stdout, "the line")
        self.assertIn("after the reset", lines)
        self.assertNotIn("is not kept", self.container.boot_file("broker-report.txt").read_text())

    def test_the_broker_does_not_start_while_a_reset_or_a_restore_is_under_way(self):
        container = self.container
        container.run("systemctl", "stop", "broker")
        unfinished = container.root / "var/lib/broker/restore-unfinished"
        for mark in (unfinished, container.root / MARK):
            mark.touch()
            container.run("systemctl", "start", "broker")
            self.assertEqual("inactive", container.show("broker", "ActiveState"))
            if mark == unfinished:
                mark.unlink()
        # The next run goes on with the reset, which ends as it did before.
        container.boot_file("broker.toml").write_text(ANOTHER)
        container.run("systemctl", "restart", "broker-provision")
        wait_for(lambda: container.show("broker", "ActiveState") == "active", "the broker")
        self.assertFalse((container.root / MARK).exists())

    def test_z_a_backup_brings_logins_messages_and_authority_back(self):
        container = self.container
        (container.root / "root/backup").write_bytes(self.backup)
        self.assertIn("stop it first", container.run("broker", "restore", "/root/backup", check=False).stderr)
        container.run("systemctl", "stop", "broker")
        self.assertIn("restart the device", container.run("broker", "restore", "/root/backup").stdout)
        container.power_off()
        container.boot()
        self.assertEqual(self.authority, container.boot_file("ca.crt").read_text())
        secure = ("-h", "localhost", "-p", "8883", "--cafile", container.boot_file("ca.crt"), *LOGIN)
        kept = container.network("mosquitto_sub", *secure, "-t", "kept/#", "-C", "1", "-W", "10").stdout
        self.assertRegex(kept, r"planted-\d+-secret")
        waiting = container.network("mosquitto_sub", *LOGIN, "-i", "away", "-c", "-q", "1", "-t", "queue/#", "-C", "1", "-W", "10").stdout
        self.assertRegex(waiting, r"planted-\d+-secret")


if __name__ == "__main__":
    unittest.main()
