# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The clients of the scripted hour: well-behaved devices, and every fault the log has a line for.

usage: hour_clients.py PREFIX MINUTES   (the broker is at PREFIX.1 port 1883, the clients at other addresses of it)
"""

import random
import select
import socket
import sys
import threading
import time

PREFIX, MINUTES = sys.argv[1], float(sys.argv[2])
END = time.monotonic() + MINUTES * 60
PASSWORDS = {"sensors": "first secret", "display": "second secret"}
KEEPALIVE = 60


class Client:
    """One connection; everything that goes wrong with it raises OSError."""

    def __init__(self, host):
        self.socket = socket.create_connection((f"{PREFIX}.1", 1883), 5, (f"{PREFIX}.{host}", 0))

    def connect(self, client_id, user=None, password=None, keepalive=KEEPALIVE, clean=True):
        fields = [client_id] + ([user] if user else []) + ([password] if password else [])
        flags = (2 if clean else 0) | (0x80 if user else 0) | (0x40 if password else 0)
        head = _text("MQTT") + bytes([4, flags]) + keepalive.to_bytes(2, "big")
        self.send(0x10, head + b"".join(map(_text, fields)))
        if self.socket.recv(4)[3:] != b"\0":
            raise ConnectionRefusedError
        return self

    def send(self, first, body=b""):
        self.socket.sendall(bytes([first]) + _length(len(body)) + body)

    def subscribe(self, topic, qos=0):
        self.send(0x82, b"\0\1" + _text(topic) + bytes([qos]))

    def publish(self, topic, payload):
        self.send(0x30, _text(topic) + payload)

    def stay(self, seconds):
        """Reads and pings until the time is over; raises when the broker closes."""
        end = min(time.monotonic() + seconds, END)
        while time.monotonic() < end:
            if select.select([self.socket], [], [], max(0.1, min(10, end - time.monotonic())))[0]:
                if not self.socket.recv(65536):
                    raise ConnectionResetError
            else:
                self.send(0xC0)

    def leave(self):
        self.send(0xE0)
        self.socket.close()


def sensor(host, client_id):
    """Stays for long, publishes, says goodbye, comes back."""
    client = Client(host).connect(client_id, "sensors", PASSWORDS["sensors"])
    for _ in range(20):
        client.publish(f"sensors/{client_id}", b"21.5")
        client.stay(30)
    client.leave()


def pump():
    """Blocks in its main loop, so that it misses its keepalive again and again."""
    client = Client(7).connect("pump", "sensors", PASSWORDS["sensors"], keepalive=15)
    client.publish("sensors/pump", b"on")
    client.socket.settimeout(60)
    client.socket.recv(1)
    time.sleep(120)


def fight(host):
    """Has the identifier of another device, and comes back at once when that one takes it."""
    client = Client(host).connect("meter", "sensors", PASSWORDS["sensors"])
    try:
        client.stay(60)
    except OSError:
        time.sleep(2)


def guess():
    """Tries passwords under identifiers of its own making."""
    user = random.choice(["sensors", "sensors", "sensors", "admin"])
    Client(66).connect(f"mqttjs_{random.getrandbits(32):08x}", user, "letmein")


def nameless():
    Client(20).connect("old-plug")


def probe():
    Client(2).socket.close()


def wrong_protocol():
    """TLS, HTTP and noise on the plain port."""
    for greeting in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n", b"\xff\xfe\xfd\xfc"):
        client = Client(30)
        client.socket.sendall(greeting)
        client.socket.recv(64)


def silent():
    Client(31).socket.recv(1)


def flood():
    """A display whose socket takes nothing, and a logger that writes too much for it."""
    display = Client(40).connect("display", "display", PASSWORDS["display"], keepalive=0)
    display.subscribe("video/#")
    time.sleep(1)
    camera = Client(41).connect("camera", "sensors", PASSWORDS["sensors"])
    for _ in range(400):
        camera.publish("video/1", bytes(65536))
    time.sleep(5)
    end = time.monotonic() + 5
    while time.monotonic() < end and select.select([display.socket], [], [], 1)[0]:
        display.socket.recv(1 << 20)
    camera.leave()
    display.leave()


def denied():
    client = Client(21).connect("meddler", "sensors", PASSWORDS["sensors"])
    client.publish("$SYS/broker/uptime", b"0")
    client.stay(2)
    client.leave()


def repeat(pause, begin, end, what, *arguments):
    """Does something from one part of the time to another, in fractions of it, with a pause in seconds."""

    def run():
        start = END - MINUTES * 60
        time.sleep(begin * MINUTES * 60)
        while time.monotonic() < min(END, start + end * MINUTES * 60):
            try:
                what(*arguments)
            except OSError:
                pass
            time.sleep(pause)

    threading.Thread(target=run, daemon=True).start()


def _text(text):
    return len(text).to_bytes(2, "big") + text.encode()


def _length(number):
    encoded = bytearray()
    while True:
        number, digit = divmod(number, 128)
        encoded.append(digit | (0x80 if number else 0))
        if not number:
            return bytes(encoded)


for number, name in enumerate(("kitchen", "cellar", "roof")):
    repeat(5, 0, 1, sensor, 10 + number, name)
repeat(60, 0, 1, probe)
repeat(1, 0.05, 1, pump)
repeat(20, 0.1, 0.6, guess)
repeat(600, 0.15, 1, nameless)
for number in (5, 8):
    repeat(1, 0.3, 0.5, fight, number)
repeat(900, 0.4, 1, wrong_protocol)
repeat(900, 0.45, 1, silent)
repeat(1200, 0.55, 1, flood)
repeat(600, 0.65, 1, denied)
time.sleep(max(0, END - time.monotonic()))
