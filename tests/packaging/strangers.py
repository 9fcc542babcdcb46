# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Peers nobody invited: one guesses passwords, one says what a terminal or a parser of logs would obey.

usage: strangers.py guess PORT                       (prints how many of the guesses were let in, refused, not answered)
       strangers.py speak PORT WEBSOCKET_PORT        (anonymous clients must be allowed; prints how many strings it sent)
"""

import collections
import concurrent.futures
import random
import socket
import sys
import time

USERS = ["admin", "root", "mqtt", "user", "guest", "test", "pi", "mosquitto", "homeassistant", "broker"]
PASSWORDS = ["", "admin", "root", "mqtt", "user", "guest", "test", "raspberry", "mosquitto", "password", "Password1", "passw0rd", "123456",
             "12345678", "1234", "changeme", "default", "secret", "public", "letmein"]
STRINGS = 500
END = "the-end-of-it"
"""The identifier of the client that comes last."""
PIECES = ["\n", "\r", "\r\n", "\t", "\b", "\x07", "\x1b[2J", "\x1b[31m", "\x1b]0;title\x07", "\x7f", "\x85", "\x9b31m", "\u2028", "\u2029", "\u200b",
          "\u202e", "\u2066", "\u2069", "\ufeff", "\ufff9", "\U000e0041", "%n%s", "'; --", "\"", "\\", "Client root disconnected.",
          "\n<0>kernel: panic", "\nMESSAGE=forged", "PRIORITY=0", "x" * 300]
CONNECT, PUBLISH, SUBSCRIBE, DISCONNECT = 0x10, 0x30, 0x82, 0xE0


def main():
    if sys.argv[1] == "guess":
        guess(int(sys.argv[2]))
    else:
        speak(int(sys.argv[2]), int(sys.argv[3]))


def guess(port):
    """Each pair from an address of its own, so that no guess is held back for another; and nobody at all."""
    pairs = [None] + [(user, password) for user in USERS for password in PASSWORDS]

    def attempt(number):
        user = pairs[number]
        try:
            with socket.create_connection(("127.0.0.1", port), 30, (f"127.1.{number >> 8}.{number & 255}", 0)) as peer:
                peer.settimeout(120)
                flags = 2 if user is None else 0xC2
                send(peer, CONNECT, text("MQTT") + bytes([4, flags, 0, 60]) + text(f"guess-{number}") + b"".join(map(text, user or ())))
                answer = peer.recv(4)
                return "let in" if answer == b"\x20\x02\0\0" else "refused" if len(answer) == 4 else "no answer"
        except OSError:
            return "no answer"

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        print(dict(collections.Counter(pool.map(attempt, range(len(pairs))))))


def speak(port, websocket_port):
    """Strings in every place where the broker reads text, the places in turn; each from a client of its own."""
    chance = random.Random(5)
    places = [as_client_id, as_user_name, as_topic, as_filter, as_will_topic, as_reason, as_payload, as_broken_text, as_request_line]
    for number in range(STRINGS):
        words = f"{number} " + "".join(chance.choice(PIECES) for _ in range(chance.randint(1, 6)))
        place = places[number % len(places)]
        to = websocket_port if place is as_request_line else port
        with socket.create_connection(("127.0.0.1", to), 30, (f"127.2.{number >> 8}.{number & 255}", 0)) as peer:
            peer.settimeout(2)
            try:
                place(peer, f"speaker-{number}", words)
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(4096):
                    pass
            except OSError:
                pass
        # Slowly enough that the log holds few of the lines back.
        time.sleep(0.02)
    time.sleep(1)
    with socket.create_connection(("127.0.0.1", port), 30) as peer:
        connect(peer, END)
    print(STRINGS)


def as_client_id(peer, _, words):
    connect(peer, words)


def as_user_name(peer, client_id, words):
    connect(peer, client_id, user=words)


def as_topic(peer, client_id, words):
    connect(peer, client_id)
    send(peer, PUBLISH, text(f"spoken/{words}") + b"\0" + b"x")
    send(peer, PUBLISH, text(f"$SYS/{words}") + b"\0" + b"x")


def as_filter(peer, client_id, words):
    connect(peer, client_id)
    send(peer, SUBSCRIBE, b"\0\1\0" + text(words) + b"\0" + text(f"{words}#") + b"\0")


def as_will_topic(peer, client_id, words):
    connect(peer, client_id, will=f"spoken/{words}")
    peer.shutdown(socket.SHUT_RDWR)


def as_reason(peer, client_id, words):
    connect(peer, client_id)
    reason = b"\x1f" + text(words)
    send(peer, DISCONNECT, b"\x80" + length(len(reason)) + reason)


def as_payload(peer, client_id, words):
    connect(peer, client_id)
    send(peer, PUBLISH | 1, text("spoken/payload") + b"\0" + words.encode())


def as_broken_text(peer, _, words):
    body = text("MQTT") + b"\5\2\0\x3c\0" + text(words.encode() + b"\xff\xc0\x1b[2J")
    send(peer, CONNECT, body)


def as_request_line(peer, _, words):
    peer.sendall(f"GET /{words} HTTP/1.1\r\nHost: {words}\r\nUser-Agent: {words}\r\n\r\n".encode())


def connect(peer, client_id, user=None, will=None):
    """CONNECT of MQTT 5, and its answer."""
    flags = 2 | (0x80 if user else 0) | (4 if will else 0)
    body = text("MQTT") + bytes([5, flags, 0, 60, 0]) + text(client_id)
    body += b"\0" + text(will) + text("x") if will else b""
    send(peer, CONNECT, body + (text(user) if user else b""))
    peer.recv(4096)


def send(peer, first, body):
    peer.sendall(bytes([first]) + length(len(body)) + body)


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return len(value).to_bytes(2, "big") + value


def length(value):
    out = bytearray()
    while True:
        value, digit = value >> 7, value & 127
        out.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(out)


if __name__ == "__main__":
    main()
