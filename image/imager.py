# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What Raspberry Pi Imager is told about a release: the list of a content repository with one system in it. Pure.

The list replaces Raspberry Pi's own while it is chosen, so it carries the devices, too: without them Imager's second
version ends on an empty page, and a tag that no device offers makes the entry unreachable without a word.
"""

import re
import urllib.parse
from dataclasses import dataclass

OLDEST_IMAGER = "2.0.3"
"""The first that opens deep links; an older one is told that there is a newer one."""
DEVICES = (
    ("Raspberry Pi 5", "Raspberry Pi 5, 500, and Compute Module 5", "pi5-64bit"),
    ("Raspberry Pi 4", "Raspberry Pi 4, 400, and Compute Module 4", "pi4-64bit"),
    ("Raspberry Pi 3", "Raspberry Pi 3 and Zero 2 W", "pi3-64bit"),
)
"""Name, description and tag of every board with a 64-bit processor that is in question, the newest first."""
TAGS = {"debian": ("pi4-64bit", "pi3-64bit"), "raspios": ("pi5-64bit", "pi4-64bit", "pi3-64bit")}
"""What each kind of image starts on; Debian's kernel may lack the Ethernet of a Pi 5."""
NAME = "MQTT broker appliance"


@dataclass(frozen=True)
class Card:
    """A finished image: its kind (a key of `TAGS`), and sizes in bytes and SHA-256 in hexadecimal digits, packed and not."""

    kind: str
    size: int
    sha256: str
    packed_size: int
    packed_sha256: str


def os_list(card, folder_url, file, release_date):
    """The list as Imager reads it; `folder_url` is where the image `file` and its companions lie, the date is as 2026-11-23."""
    entry = {
        "name": NAME,
        "description": "A broker for MQTT, configured by one file on the card. No questions here: edit broker.toml after writing.",
        "icon": f"{folder_url}/icon.svg",
        "url": f"{folder_url}/{file}.xz",
        "bmap_url": f"{folder_url}/{file}.bmap",
        "extract_size": card.size,
        "extract_sha256": card.sha256,
        "image_download_size": card.packed_size,
        "image_download_sha256": card.packed_sha256,
        "release_date": release_date,
        # Not left out: the first versions of Imager take that for `systemd` and write a script that would stop the boot.
        "init_format": "none",
        "architecture": "armv8",
        "devices": list(TAGS[card.kind]),
    }
    devices = [{"name": name, "description": text, "tags": [tag], "matching_type": "exclusive", "architecture": "armv8"}
               for name, text, tag in DEVICES if tag in TAGS[card.kind]]
    about = {"latest_version": OLDEST_IMAGER, "url": "https://www.raspberrypi.com/software/", "devices": devices}
    return {"imager": about, "os_list": [entry]}


def deep_link(list_url):
    """A link that makes Imager ask whether it shall use the list of a release."""
    return f"rpi-imager://open?repo={urllib.parse.quote(list_url, safe=':/')}"


def problems(listing):
    """What Imager would stumble over, as sentences; none for a good list."""
    offered = {tag for device in listing["imager"]["devices"] for tag in device["tags"]}
    found = [] if listing["os_list"] else ["there is no system in the list"]
    for entry in listing["os_list"]:
        found += [f"`{name}` is missing" for name in REQUIRED if name not in entry]
        found += [f"no device offers `{tag}`" for tag in entry.get("devices", []) if tag not in offered]
        found += [f"`{name}` is not 64 small hexadecimal digits" for name in ("extract_sha256", "image_download_sha256")
                  if not re.fullmatch("[0-9a-f]{64}", entry.get(name, ""))]
        found += [f"`{name}` is not a number of bytes" for name in ("extract_size", "image_download_size") if not _is_size(entry.get(name))]
        found += [f"`{name}` is not an https address" for name in ("icon", "url", "bmap_url") if not is_address(entry.get(name, ""))]
        if entry.get("init_format") not in INIT_FORMATS:
            found.append("`init_format` is none that Imager knows, and it hides the entry")
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", entry.get("release_date", "")):
            found.append("`release_date` is not as in 2026-11-23")
    return found


REQUIRED = ("name", "description", "icon", "url", "extract_size", "extract_sha256", "image_download_size", "release_date", "devices")
INIT_FORMATS = ("none", "systemd", "cloudinit", "cloudinit-rpi", "rpi-preseed")


def is_address(text):
    """Whether this is a plain https address, without a query or a slash at its end, that fits into sources of apt and JSON."""
    return re.fullmatch(r"https://[a-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~-]+)*", text) is not None


def _is_size(value):
    return isinstance(value, int) and value > 0
