#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Our image beside a Debian with `apt install mosquitto`: size, memory after the boot, and what it costs to the first CONNACK.

Both are made from the same base root file system and started in the same emulator, taking turns. The other has Debian's settings
and a listener for everybody. Figures are printed, and nothing is judged.
"""

import argparse
import lzma
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "image"))

import card  # noqa: E402
import host  # noqa: E402
import machine  # noqa: E402
import rootfs  # noqa: E402

OURS = host.TARGET / "mqtt-broker-appliance.img"
CARD_SIZE = 4 << 30
PORT = 1883
LIMIT_S = 1800
CONNECT = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04test"
"""MQTT 3.1.1, clean session, identifier `test`. A refusal is an answer, too: the broker is up."""
LISTENER = "listener 1883\nallow_anonymous true\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image", type=Path, default=OURS, help="our image")
    parser.add_argument("--boots", type=int, default=3, help="starts of each, all of fresh cards")
    arguments = parser.parse_args()
    host.require_root("putting files of many owners into an image")
    host.need_qemu_system()
    with tempfile.TemporaryDirectory(prefix="compare-", dir=host.TARGET) as name:
        folder = Path(name)
        images = {"broker": arguments.image, "mosquitto": folder / "mosquitto.img"}
        _make_other(images["mosquitto"], folder / "root")
        for program, image in images.items():
            print(f"{program}: {_sizes(image)}", flush=True)
        for _ in range(arguments.boots):
            for program, image in images.items():
                print(f"{program}: {_boot(program, image, folder / 'boot')}", flush=True)


def _make_other(image, root):
    """The same base with Mosquitto from Debian."""
    root.mkdir()
    host.need_arm64()
    subprocess.run(["tar", "--extract", "--file", rootfs.base_tarball(), "--zstd", "--numeric-owner", "--xattrs", "--xattrs-include=*",
                    "--directory", root], check=True)
    sources, resolver = root / "etc/apt/sources.list", root / "etc/resolv.conf"
    sources.write_text(f"deb {host.mirrors()[0]} {rootfs.SUITE} main\n")
    shutil.copyfile("/etc/resolv.conf", resolver)
    install = "apt-get -q update && apt-get -q install --yes -o Dpkg::Options::=--force-unsafe-io mosquitto && apt-get clean && rm -rf /var/lib/apt/lists/*"
    subprocess.run([PROJECT / "pi-gen-stage/in-root", root, "sh", "-euc", install], check=True, stdout=subprocess.DEVNULL)
    for path in (sources, resolver):
        path.unlink()
    (root / "etc/mosquitto/conf.d/everybody.conf").write_text(LISTENER)
    for place in ("etc", "var"):
        (root / place / ".updated").touch()
    card.make(image, root, "0badcafe", host.newest_entry()[1])


def _sizes(image):
    used = image.stat().st_blocks * 512
    packer, packed = lzma.LZMACompressor(preset=1), 0
    with image.open("rb") as file:
        while piece := file.read(1 << 22):
            packed += len(packer.compress(piece))
    return f"{image.stat().st_size >> 20} MiB, of that {used >> 20} MiB not empty; xz -1: {(packed + len(packer.flush())) / 2**20:.0f} MiB"


def _boot(program, image, folder):
    """Starts a fresh card; gives what it took until the answer, and the memory in use once nothing is being started any more."""
    disk = folder / "card.img"
    machine.copy_card(image, disk, CARD_SIZE)
    with machine.Machine(disk, folder, (PORT,), shell=True) as pi:
        begin = time.monotonic()
        _wait_for_answer(pi)
        wall, cpu = time.monotonic() - begin, pi.cpu_seconds()
        with_shell = pi.shell(LIMIT_S)
        with_shell.try_run("systemctl is-system-running --wait", LIMIT_S)
        used = re.search(r"^Mem: +\d+ +(\d+)", with_shell.run("free -m"), re.MULTILINE)[1]
        own = re.search(r"^Pss: +(\d+)", with_shell.run(f"cat /proc/$(pidof {program})/smaps_rollup"), re.MULTILINE)[1]
    return f"{cpu:.0f} CPU s and {wall:.0f} s to the first CONNACK, load {os.getloadavg()[0]:.0f}; {used} MiB used, the broker {int(own) / 1024:.1f} MiB"


def _wait_for_answer(pi):
    """Tries until the broker speaks MQTT: QEMU takes a connection before anybody in the guest listens."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end and pi.process.poll() is None:
        try:
            with socket.create_connection(pi.address(PORT), timeout=5) as connection:
                connection.sendall(CONNECT)
                if connection.recv(1) == b"\x20":
                    return
        except OSError:
            pass
        time.sleep(machine.POLL_S)
    raise machine.MachineError("no broker answered", pi.text())


if __name__ == "__main__":
    main()
