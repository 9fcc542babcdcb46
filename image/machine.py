# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A Pi that is QEMU: boots a card image on `-M virt` with the kernel, initial RAM disk and command line of its FAT.

What emulation cannot show: the Pi's own firmware, its SD and network hardware and its watchdog.
"""

import json
import re
import socket
import subprocess
import time
from pathlib import Path

import board
import card
import host
from shell import Shell

MEMORY_MIB = 1024
POLL_S = 0.25
_EMULATION = ("nokaslr audit=0 mitigations=off systemd.default_device_timeout_sec=900 systemd.default_timeout_start_sec=900 "
              "systemd.getty_auto=no console=ttyAMA0")
"""Slowness is not a fault here: device and start limits are those of emulation on a busy machine. With address
randomisation the kernel isolates its page tables, which takes half as much processor time again. A login on the
console would hang up the line and swallow the marks that are waited for."""
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


class Machine:
    """One QEMU process with a card of its own; use it as a context manager."""

    def __init__(self, image, folder, ports=(1883,), fixed_ports=False, shell=False, led=False):
        """`ports` are guest ports, reached at `address(port)`; `folder` takes the console log and the sockets.

        With `shell` systemd is asked, from outside, for its own debug shell on the second serial port. With `led` the
        board has an activity LED, which needs dtc.
        """
        self.image, self.folder = Path(image), Path(folder)
        self.ports, self.fixed_ports = ports, fixed_ports
        self.extra_cmdline = "systemd.debug_shell=ttyAMA1" if shell else ""
        self.led = led
        self.console = self.folder / "console.log"
        self.process = None
        self._forwards = {}

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        """Starts the emulator and returns at once; `wait_for` tells how far the boot is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("console.log", "monitor", "shell"):
            (self.folder / name).unlink(missing_ok=True)
        self.process = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL)
        self._forwards = self._ask_forwards()

    def kill(self):
        """Ends it as a power cut does: SIGKILL, nothing is written any more."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def address(self, port):
        """Host and port on this machine that lead to a port of the guest."""
        return "127.0.0.1", self._forwards[port]

    def text(self):
        """What the console has shown so far, without terminal escapes."""
        raw = self.console.read_bytes() if self.console.exists() else b""
        return _ESCAPES.sub("", raw.decode("utf-8", "replace"))

    def wait_for(self, mark, limit):
        """Waits for a regular expression on the console; fails after `limit` seconds or when the emulator ends."""
        end = time.monotonic() + limit
        while not re.search(mark, self.text()):
            if self.process.poll() is not None:
                raise MachineError(f"the emulator ended ({self.process.returncode}) before {mark!r}", self.text())
            if time.monotonic() > end:
                raise MachineError(f"no {mark!r} on the console within {limit} s", self.text())
            time.sleep(POLL_S)

    def shell(self, limit):
        """The debug shell, as an open connection, once the booting machine has started it."""
        self.wait_for(r"Started \S*debug-shell", limit)
        return Shell(_connect(self.folder / "shell", self.process))

    def cpu_seconds(self):
        """Processor time the emulator has used: the figure to compare on a busy machine."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def _command(self):
        boot = card.BootPartition(self.image)
        for name, file in zip(("kernel", "initrd"), boot.started(), strict=True):
            boot.take(file, self.folder / name)
        # The card's own command line, apart from its consoles: they are a Pi's.
        words = [word for word in boot.read("cmdline.txt").decode().split() if not word.startswith("console=")]
        cmdline = " ".join([*words, _EMULATION, self.extra_cmdline])
        forwards = "".join(f",hostfwd=tcp:127.0.0.1:{port if self.fixed_ports else 0}-:{port}" for port in self.ports)
        machine = [host.QEMU_SYSTEM, "-M", "virt", "-cpu", "cortex-a72", "-accel", "tcg,thread=multi", "-smp", "2",
                   "-m", str(MEMORY_MIB), "-display", "none", "-no-reboot"]
        tree = ["-dtb", board.with_led(machine, self.folder)] if self.led else []
        # The emulator never outlives the program that started it.
        return ["setpriv", "--pdeathsig", "KILL", *machine, *tree,
                "-kernel", self.folder / "kernel", "-initrd", self.folder / "initrd", "-append", cmdline,
                "-drive", f"file={self.image},format=raw,if=virtio,cache=writeback",
                "-netdev", f"user,id=net{forwards}", "-device", "virtio-net-pci,netdev=net,romfile=",
                "-serial", f"file:{self.console}",
                "-chardev", f"socket,id=shell,path={self.folder}/shell,server=on,wait=off", "-serial", "chardev:shell",
                "-qmp", f"unix:{self.folder}/monitor,server=on,wait=off"]

    def _ask_forwards(self):
        """The host ports that QEMU took: it chooses free ones, so that parallel runs never collide."""
        with _connect(self.folder / "monitor", self.process) as monitor, monitor.makefile("rw") as lines:
            _execute(lines, "qmp_capabilities")
            listing = _execute(lines, "human-monitor-command", **{"command-line": "info usernet"})
        rows = re.findall(r"HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)", listing)
        return {int(guest): int(outside) for outside, guest in rows}


class MachineError(Exception):
    """A boot did not come as far as it must; shows the end of the console."""

    def __init__(self, message, console):
        end = "\n".join(console.splitlines()[-40:])
        super().__init__(f"{message}\n--- end of the console ---\n{end}" if end else message)


def copy_card(image, destination, size):
    """A copy of a card image on a card of `size` bytes, as flashing makes it; holes stay holes."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", image, destination], check=True)
    with destination.open("r+b") as copy:
        copy.truncate(size)


def _execute(lines, command, **arguments):
    """One QMP command; the greeting and events that come in between are passed over."""
    try:
        lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        lines.flush()
        while not {"return", "error"} & (answer := json.loads(lines.readline())).keys():
            pass
    except (OSError, json.JSONDecodeError) as error:
        raise MachineError("the emulator ended at once, for the reason above", "") from error
    if "error" in answer:
        raise MachineError(f"the emulator refused {command}: {answer['error']['desc']}", "")
    return answer["return"]


def _connect(path, process):
    """Connects to a socket that QEMU makes right after its start."""
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
            return connection
        except OSError:
            connection.close()
            if process.poll() is not None:
                raise MachineError(f"the emulator ended at once ({process.returncode})", "") from None
            time.sleep(POLL_S)
