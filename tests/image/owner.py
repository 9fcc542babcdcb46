# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What the owner of the card writes into broker.toml, with what an editor and another computer can do."""

import secrets
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "image"))

import card  # noqa: E402

MQTT, WEBSOCKET, TLS, SSH = 1883, 8083, 8883, 22
PASSWORD, SECOND_PASSWORD, THIRD_PASSWORD = (secrets.token_hex(16) for _ in range(3))
LOGIN = ("sensors", PASSWORD)
SECOND_LOGIN = ("display", SECOND_PASSWORD)
CABLE = """\
method = "static"
address = "10.0.2.15/24"
gateway = "10.0.2.2"
dns = ["10.0.2.3"]
"""
"""What QEMU's network would give by itself, too: it leads connections from outside to this address only."""
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


def edit(disk, *changes):
    """Edits the file on a card as an owner does, who sees what the last start left of it; gives the new text."""
    boot = card.BootPartition(disk)
    text = edited(boot.read("broker.toml").decode(), *changes)
    boot.write("broker.toml", text.encode())
    return text


def edited(text, *changes):
    """A text after changes, each what stands there once and what comes in its place."""
    for old, new in changes:
        assert old in text, (old, text)
        text = text.replace(old, new, 1)
    return text
