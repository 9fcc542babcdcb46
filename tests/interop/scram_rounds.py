# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Logins by SCRAM-SHA-256 over MQTT 5: the login, the server's signature, re-authentication, every refusal.

Usage: scram_rounds.py PORT; exits with 1 and a sentence at the first fault. The user is `meter`.
"""

import base64
import hashlib
import hmac
import secrets
import socket
import sys

PORT = int(sys.argv[1])
PASSWORD = "pencil, sharp=1"
CONNECT, CONNACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = 0x10, 0x20, 0xC0, 0xD0, 0xE0, 0xF0
SUCCESS, CONTINUE, AGAIN = 0x00, 0x18, 0x19
METHOD, DATA, REASON = 0x15, 0x16, 0x1F
# The properties of CONNACK and AUTH by the form of their values.
BYTES = {0x24: 1, 0x25: 1, 0x28: 1, 0x29: 1, 0x2A: 1, 0x13: 2, 0x21: 2, 0x22: 2, 0x11: 4, 0x27: 4}


def check(fact, what):
    if not fact:
        sys.exit(what)


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return len(value).to_bytes(2, "big") + value


def number(value):
    out = b""
    while True:
        value, digit = divmod(value, 128)
        out += bytes([digit | 0x80 if value else digit])
        if not value:
            return out


def with_length(block):
    return number(len(block)) + block


def method(data, name="SCRAM-SHA-256"):
    return with_length(b"\x15" + text(name) + (b"\x16" + text(data) if data is not None else b""))


def properties(block):
    found = {}
    while block:
        kind, block = block[0], block[1:]
        size = BYTES.get(kind)
        if size is None:
            size, block = int.from_bytes(block[:2], "big"), block[2:]
        found[kind], block = block[:size], block[size:]
    return found


class Connection:
    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", PORT), timeout=60)
        self.stream = self.socket.makefile("rb")

    def send(self, kind, body):
        self.socket.sendall(bytes([kind]) + with_length(body))

    def connect(self, data, name="SCRAM-SHA-256", user=None, password=None):
        flags = 0x02 | (0x80 if user else 0) | (0x40 if password else 0)
        body = text("MQTT") + bytes([5, flags, 0, 60]) + method(data, name) + text("meter-1")
        self.send(CONNECT, body + b"".join(text(part) for part in (user, password) if part))

    def auth(self, reason, data):
        self.send(AUTH, bytes([reason]) + method(data))

    def length(self):
        value, shift = 0, 0
        while True:
            digit = self.stream.read(1)[0]
            value |= (digit & 0x7F) << shift
            shift += 7
            if not digit & 0x80:
                return value

    def receive(self, kind):
        """The reason code and the properties of the next packet, which must be of this kind."""
        first = self.stream.read(1)
        check(first and first[0] == kind, f"expected packet {kind:#x}, got {first!r}")
        body = self.stream.read(self.length())
        if kind == CONNACK:
            body = body[1:]
        check(len(body) < 129, "a property block of one length byte")
        return body[0], properties(body[2:])

    def refused(self, reason, kind=CONNACK):
        got, told = self.receive(kind)
        check(got == reason, f"expected refusal {reason:#x}, got {got:#x} {told}")
        check(b" " in told[REASON], f"a sentence: {told}")
        check(self.stream.read(1) == b"", "the connection is closed")


class Scram:
    """The client's side of RFC 5802, for a user name without `,` and `=`."""

    def __init__(self, user="meter", password=PASSWORD, header="n,,"):
        self.password, self.header = password, header
        self.bare = f"n={user},r={secrets.token_urlsafe(18)}"
        self.first = header + self.bare

    def last(self, challenge):
        parts = dict(part.split("=", 1) for part in challenge.decode().split(","))
        check(parts["r"].startswith(self.bare.split("r=")[1]), "the nonce begins with ours")
        check(int(parts["i"]) >= 4096, "the iterations of RFC 7677")
        salted = hashlib.pbkdf2_hmac(
            "sha256", self.password.encode(), base64.b64decode(parts["s"]), int(parts["i"])
        )
        binding = base64.b64encode(self.header.encode()).decode()
        without_proof = f"c={binding},r={parts['r']}"
        messages = f"{self.bare},{challenge.decode()},{without_proof}".encode()
        key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(key).digest(), messages, "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))).decode()
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        self.server = b"v=" + base64.b64encode(hmac.digest(server_key, messages, "sha256"))
        return f"{without_proof},p={proof}"


def log_in(connection, scram):
    """Up to the client's last message."""
    reason, told = connection.receive(AUTH)
    check((reason, told[METHOD]) == (CONTINUE, b"SCRAM-SHA-256"), f"AUTH to continue: {told}")
    connection.auth(CONTINUE, scram.last(told[DATA]))


for header in ("n,,", "y,,", "n,a=meter,"):
    client, scram = Connection(), Scram(header=header)
    client.connect(scram.first)
    log_in(client, scram)
    reason, told = client.receive(CONNACK)
    check(reason == SUCCESS, f"logged in: {reason:#x} {told}")
    check(told[METHOD] == b"SCRAM-SHA-256" and told[DATA] == scram.server, "the server proves itself")

scram = Scram()
client.auth(AGAIN, scram.first)
log_in(client, scram)
reason, told = client.receive(AUTH)
check((reason, told[DATA]) == (SUCCESS, scram.server), "re-authenticated")
client.send(PINGREQ, b"")
check(client.stream.read(2) == bytes([PINGRESP, 0]), "the connection goes on")
scram = Scram(password="pencil")
client.auth(AGAIN, scram.first)
log_in(client, scram)
client.refused(0x87, DISCONNECT)

client, scram = Connection(), Scram()
client.connect(None, user="meter")
reason, told = client.receive(AUTH)
check(reason == CONTINUE and DATA not in told, "asked for the first message")
client.auth(CONTINUE, scram.first)
log_in(client, scram)
check(client.receive(CONNACK)[0] == SUCCESS, "logged in, asked first")

for scram in (Scram(password="pencil"),):
    client = Connection()
    client.connect(scram.first)
    log_in(client, scram)
    client.refused(0x87)

for data, name, user, reason in (
    (Scram(header="p=tls-exporter,,").first, "SCRAM-SHA-256", None, 0x87),
    (Scram().first, "SCRAM-SHA-1", None, 0x8C),
    (Scram(user="anna").first, "SCRAM-SHA-256", None, 0x8C),
    (Scram().first, "SCRAM-SHA-256", "anna", 0x87),
    ("meter", "SCRAM-SHA-256", None, 0x87),
):
    client = Connection()
    client.connect(data, name, user)
    client.refused(reason)

client = Connection()
body = text("MQTT") + bytes([5, 0xC2, 0, 60, 0]) + text("meter-1") + text("meter") + text(PASSWORD)
client.send(CONNECT, body)
client.refused(0x87)
