# SPDX-License-Identifier: Apache-2.0 OR MIT
"""TLS with nothing but `tls = true` on the card: the device's certificates, their renewal, and those of clients."""

import subprocess
import tempfile
import unittest

from container import Container, wait_for

CARD = """\
version = 1
[system]
hostname = "plant-2"
[[user]]
username = "sensors"
password = "correct horse battery"
[[user]]
username = "pump"
auth = "certificate"
[[listener]]
port = 8883
tls = true
[[listener]]
port = 8884
tls = true
require_certificate = true
use_identity_as_username = true
"""
LOGIN = ("-u", "sensors", "-P", "correct horse battery")
MESSAGE = ("-t", "hall/door", "-m", "open")


class DevicesCertificates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.container = Container()
        cls.addClassCleanup(cls.container.remove)
        cls.container.install()
        cls.container.boot_file("broker.toml").write_text(CARD)
        cls.container.boot()
        cls.authority = cls.container.boot_file("ca.crt")
        cls.secure = ("-h", "localhost", "-p", "8883", "--cafile", cls.authority, *LOGIN)

    def test_the_ca_of_the_card_is_all_a_client_needs(self):
        self.container.network("mosquitto_pub", *self.secure, *MESSAGE)

    def test_without_it_a_client_does_not_trust_the_broker(self):
        other = ("-h", "localhost", "-p", "8883", "--capath", "/etc/ssl/certs", *LOGIN)
        self.assertNotEqual(0, self.container.network("mosquitto_pub", *other, *MESSAGE, check=False).returncode)

    def test_the_report_has_the_fingerprint_that_others_compute(self):
        shown = _openssl("x509", "-in", self.authority, "-noout", "-fingerprint", "-sha256")
        self.assertEqual(shown.split("=")[1], self.container.report()["access"]["authority"]["fingerprint_sha256"])
        self.assertIn(shown.split("=")[1], self.container.boot_file("broker-report.txt").read_text())

    def test_only_root_and_the_broker_read_keys(self):
        listing = self.container.run("stat", "--format", "%A %U:%G %n", "/etc/broker/tls/server.pem",
                                     "/var/lib/broker-provision/ca.key").stdout
        self.assertEqual("-rw-r----- root:broker /etc/broker/tls/server.pem\n"
                         "-rw------- root:root /var/lib/broker-provision/ca.key\n", listing)
        keys = [file for file in self.container.boot_file(".").iterdir() if "PRIVATE KEY" in file.read_text()]
        self.assertEqual([], keys)

    def test_a_renewal_by_the_timers_service_drops_no_client(self):
        self.assertEqual("active", self.container.show("broker-provision-certificate.timer", "ActiveState"))
        before, process = self._served_serial(), self.container.show("broker", "MainPID")
        with self.container.listening(*self.secure, "-t", "hall/+") as heard:
            (self.container.root / "etc/broker/tls/server.pem").unlink()
            self.container.run("systemctl", "start", "broker-provision-certificate.service")
            # It looks once a minute by itself.
            self.container.run("broker", "reload")
            wait_for(lambda: self._served_serial() != before, "the new certificate")
            self.container.network("mosquitto_pub", *self.secure, *MESSAGE)
            self.assertEqual("hall/door open", heard())
        self.assertEqual(process, self.container.show("broker", "MainPID"))
        self.assertEqual("success", self.container.show("broker-provision-certificate", "Result"))

    def test_a_client_with_a_certificate_logs_in_by_it_until_it_is_revoked(self):
        made = self.container.run("broker", "cert", "client", "pump", "--out", "/root").stdout
        self.assertIn("/root/pump.key", made)
        home = self.container.root / "root"
        named = ("--cafile", self.authority, "--cert", home / "pump.crt", "--key", home / "pump.key")
        address = ("-h", "localhost", "-p", "8884")
        self.container.network("mosquitto_pub", *address, *named, *MESSAGE)
        self.assertFalse(self._gets_in(*address, "--cafile", self.authority))
        self.container.run("broker", "cert", "revoke", "pump")
        self.container.run("broker", "reload")
        wait_for(lambda: not self._gets_in(*address, *named), "the refusal of a revoked certificate")
        self.assertTrue(self._gets_in(*self.secure), "others are not concerned")

    def _gets_in(self, *arguments):
        return self.container.network("mosquitto_pub", *arguments, *MESSAGE, check=False).returncode == 0

    def _served_serial(self):
        shown = self.container.network("openssl", "s_client", "-connect", "localhost:8883", check=False).stdout
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(shown)
            file.flush()
            return _openssl("x509", "-in", file.name, "-noout", "-serial")


class OwnCertificate(unittest.TestCase):
    """Files beside broker.toml on the card; the key is taken."""

    def test_it_is_served_and_its_key_is_gone_from_the_card(self):
        container = Container()
        self.addCleanup(container.remove)
        container.install()
        key, certificate = container.boot_file("own.key"), container.boot_file("own.crt")
        _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "9",
                 "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate)
        own = 'certfile = "own.crt"\nkeyfile = "own.key"\n'
        container.boot_file("broker.toml").write_text(CARD.replace("tls = true\n", f"tls = true\n{own}", 1))
        secret = key.read_text().splitlines()[5]
        container.boot()
        container.network("mosquitto_pub", "-h", "localhost", "-p", "8883", "--cafile", certificate, *LOGIN, *MESSAGE)
        self.assertEqual("taken, kept on the device", key.read_text().strip())
        for file in container.boot_file(".").iterdir():
            self.assertNotIn(secret, file.read_text(), file.name)


def _openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


if __name__ == "__main__":
    unittest.main()
