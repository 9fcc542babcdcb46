# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The image that is judged (IMAGE, or the quick one), of which kind it is, and what is expected of each kind.

An image tells its kind itself: pi-gen leaves /etc/rpi-issue on what it makes of Raspberry Pi OS.
"""

import functools
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "image"))

import card  # noqa: E402
import host  # noqa: E402

IMAGE = Path(os.environ.get("IMAGE") or host.TARGET / "mqtt-broker-appliance.img")


@dataclass(frozen=True)
class Kind:
    """What one kind of image holds beside our packages."""

    enabled: dict
    """By target: everything that starts by itself; whatever comes in addition is to be looked at first."""
    written_by_the_base: frozenset
    """Files that no package owns and that installing any such system means; none of them is about the broker."""
    written: str
    """More such files, as a regular expression for `grep -E`, too."""
    root: str
    """The word of the kernel's command line that names the root file system, as a regular expression."""
    archives: tuple = ()
    """Hosts that packages come from beside Debian's."""


WRITTEN_BY_DEBIAN = (
    r"/(boot/initrd\.img-.*|(vmlinuz|initrd\.img)(\.old)?|dev/.*|root/\.(bashrc|profile)"
    r"|etc/(alternatives|default|pam\.d|rc[0-9S]\.d|ssl/certs)/.*|etc/systemd/(system|user)/.*|etc/dpkg/origins/default"
    r"|etc/(\.pwd\.lock|environment|(g?shadow|group|passwd|sub[gu]id)-?|inputrc|ld\.so\.cache|localtime|modules|motd|mtab"
    r"|networks|nsswitch\.conf|profile|security/opasswd|shells|vconsole\.conf|hosts\.(allow|deny)|ssh/sshd_config"
    r"|ca-certificates\.conf|crypttab|python3/debian_config|apt/apt\.conf\.d/(20auto-upgrades|50unattended-upgrades))"
    r"|usr/s?bin/(awk|mt|nawk|pager|rmt|which|(lz|unlz)(ma|cat|cmp|diff|[ef]?grep|less|more)|rsh|rlogin|rcp)|usr/local/man"
    r"|usr/share/(info|man)/.*|usr/.*/__pycache__/.*\.pyc"
    r"|usr/lib/modules/[^/]+/modules\..*|usr/lib/udev/hwdb\.bin|usr/lib/firmware/regulatory\.db(\.p7s)?"
    r"|var/(cache/(apt|debconf)|lib/(apt|dpkg|pam|systemd|python|ucf|wtmpdb)|log)/.*|var/lib/shells\.state|var/spool/mail)")
STATE = (
    r"/(etc/(hostname|hosts|machine-id|resolv\.conf|adjtime|timezone|ssh/ssh_host_.*)"
    r"|etc/avahi/services/mqtt-broker[^/]*\.service|etc/broker/(broker\.toml|firewall\.nft|authorized_keys)|etc/broker/(certificates|tls)/.*"
    r"|etc/NetworkManager/system-connections/broker-(ethernet|wlan)\.nmconnection|etc/systemd/timesyncd\.conf\.d/.*"
    r"|etc/ssh/sshd_config\.d/00-mqtt-broker\.conf|etc/(apt/apt\.conf|update-motd)\.d/60-mqtt-broker"
    r"|etc/os-release\.base-files|etc/apt/preferences\.d/mqtt-broker-update\.pref"
    r"|var/lib/dbus/machine-id|var/lib/(broker|broker-provision|broker-update|NetworkManager)/.*|var/tmp/.*|tmp/.*|root/\..*)")
"""What a machine writes for itself when it runs: its identity, what it was told by broker.toml, and the state of services.

Like the pattern before it is one for `grep -E`, too.
"""

_WANTED = {
    "getty.target.wants": {"getty@tty1.service"},
    "multi-user.target.wants": {"NetworkManager.service", "avahi-daemon.service", "broker-provision.service",
                                "broker.service", "remote-fs.target"},
    "network-online.target.wants": {"NetworkManager-wait-online.service"},
    "sockets.target.wants": {"avahi-daemon.socket"},
    **{f"{unit}.wants": {"sshd-keygen.service"} for unit in ("ssh.service", "ssh.socket", "sshd.service", "sshd@.service")},
    "sysinit.target.wants": {"systemd-pstore.service", "systemd-timesyncd.service"},
    "timers.target.wants": {"apt-daily.timer", "apt-daily-upgrade.timer", "fstrim.timer"},
}
"""SSH does not start by itself, until a key is named."""
QUICK = Kind(_WANTED, frozenset({
    "/etc/apt/apt.conf.d/99mmdebstrap", "/etc/apt/sources.list.d/debian.sources", "/etc/dpkg/dpkg.cfg.d/appliance",
    "/etc/fstab", "/etc/hostname", "/etc/hosts", "/etc/initramfs-tools/conf.d/appliance", "/etc/initramfs-tools/modules",
    "/etc/machine-id", "/etc/systemd/system/systemd-firstboot.service", "/etc/.updated", "/var/.updated",
    # base-files' own, while the appliance's is in its place; and what an update goes back to.
    "/etc/os-release.base-files",
    *(f"/var/lib/broker-update/good/{name}.deb" for name in ("mqtt-broker", "mqtt-broker-provisioner", "mqtt-broker-appliance")),
}), WRITTEN_BY_DEBIAN, r"root=LABEL=rootfs")


RASPIOS = Kind(_WANTED, QUICK.written_by_the_base | {"/etc/rpi-issue"}, WRITTEN_BY_DEBIAN + (
    r"|/(boot/((cmdline|config|issue)\.txt|overlays)|home/appliance/\..*|usr/share/keyrings/raspberrypi-archive-keyring\.pgp"
    r"|etc/(apparmor\.d|chatscripts|console-setup|ppp|runit|sgml|xml)/.*|etc/apt/sources\.list(\.d/(debian|raspi)\.sources)?"
    r"|etc/(kernel-img\.conf|locale\.(conf|gen)|resolv\.conf|systemd/network/(73-usb-net-by-mac|99-default)\.link|timezone)"
    r"|usr/bin/(editor|ex|luac?|pico|pinentry|r?view|vi)|usr/lib/locale/locale-archive|usr/share/mime/.*"
    r"|run/(adduser|shm)|var/cache/ldconfig/aux-cache|var/lib/(NetworkManager/NetworkManager\.state|(sgml-base|xml-core)/.*))"),
    r"root=PARTUUID=[0-9a-f]{8}-02", ("archive.raspberrypi.com",))
"""Raspberry Pi OS by pi-gen: what starts by itself is the same list of presets."""


@functools.cache
def kind():
    """The kind of the image."""
    place = f"{IMAGE}?offset={card.root(IMAGE).offset}"
    found = subprocess.run(["debugfs", "-R", "cat /etc/rpi-issue", place], check=True, capture_output=True, text=True)
    return RASPIOS if found.stdout else QUICK


def strangers(paths, owned):
    """Those of an image's files that no package owns and nothing accounts for."""
    expected = kind().written_by_the_base
    return [path for path in paths if path not in owned and path not in expected and not re.fullmatch(kind().written, path)]


def passwords(shadow):
    """Names in a text of /etc/shadow that have a password or may come in without one."""
    entries = [line.split(":") for line in shadow.splitlines()]
    if "root" not in [entry[0] for entry in entries]:
        raise ValueError(f"this is no /etc/shadow:\n{shadow}")
    return [entry[0] for entry in entries if entry[1].strip("!*") or not entry[1]]
