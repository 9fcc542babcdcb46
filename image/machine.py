# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A Pi that is QEMU: boots a card image on `-M virt` with the kernel, initial RAM disk and command line of its FAT.

What emulation cannot show: the Pi's own firmware, its SD and network hardware and its watchdog.
"""

import re
import subprocess
import time
from pathlib import Path

import board
import card
import host
from monitor import POLL_S, MachineError, Monitor, connect
from shell import Shell

MEMORY_MIB = 1024
_EMULATION = ("nokaslr audit=0 mitigations=off systemd.default_device_timeout_sec=900 systemd.default_timeout_start_sec=900 "
              "systemd.getty_auto=no")
"""Slowness is not a fault here: device and start limits are those of emulation on a busy machine. With address
randomisation the kernel isolates its page tables, which takes half as much processor time again. A login on the
console would hang up the line and swallow the marks that are waited for."""
_WATCHDOG = ["-device", "i6300esb", "-action", "watchdog=none"]
"""One that Debian's kernel knows. It counts the seconds of this machine, which may be too busy for it, so that it acts only
when it is to. Without it a machine that starts again by itself ends, because that is a fault."""
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


class Machine:
    """One QEMU process with a card of its own; use it as a context manager."""

    def __init__(self, image, folder, ports=(1883,), fixed_ports=False, shell=False, more=()):
        """`ports` are guest ports, reached at `address(port)`; `folder` takes the console log and the sockets.

        With `shell` systemd is asked, from outside, for its own debug shell on the second serial port. `more` may name an
        activity LED ("led", which needs dtc) and a watchdog that resets a machine that hangs ("watchdog").
        """
        self.image, self.folder = Path(image), Path(folder)
        self.ports, self.fixed_ports = ports, fixed_ports
        self.extra_cmdline = "systemd.debug_shell=ttyAMA1" if shell else ""
        self.more = more
        self.console = self.folder / "console.log"
        self.process = None
        self._forwards = {}
        self._console_begin = 0

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
        self._console_begin = 0
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
        """What the console has shown since the start, or since the watchdog's, without terminal escapes."""
        raw = self.console.read_bytes()[self._console_begin:] if self.console.exists() else b""
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

    def reset_by_watchdog(self, hang, limit):
        """Calls `hang`, and waits at most `limit` seconds until the watchdog starts the machine anew; gives the seconds."""
        with self.monitor() as monitor:
            monitor.execute("watchdog-set-action", action="reset")
            hang()
            began = time.monotonic()
            monitor.wait_for("WATCHDOG", limit)
            took = time.monotonic() - began
            self._console_begin = self.console.stat().st_size
            monitor.wait_for("RESET", limit)
            monitor.execute("watchdog-set-action", action="none")
        return took

    def shell(self, limit):
        """The debug shell, as an open connection, once the booting machine has started it."""
        self.wait_for(r"Started \S*debug-shell", limit)
        return Shell(connect(self.folder / "shell", self.process))

    def monitor(self):
        """The emulator's own monitor; there can be one at a time."""
        return Monitor(self.folder / "monitor", self.process)

    def cpu_seconds(self):
        """Processor time the emulator has used: the figure to compare on a busy machine."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def _command(self):
        # The emulator never outlives the program that started it.
        return ["setpriv", "--pdeathsig", "KILL", *self._board(), *self._kernel("ttyAMA0"),
                "-drive", f"file={self.image},format=raw,if=virtio,cache=writeback",
                "-netdev", self._network(), "-device", "virtio-net-pci,netdev=net,romfile=",
                "-serial", f"file:{self.console}",
                "-chardev", f"socket,id=shell,path={self.folder}/shell,server=on,wait=off", "-serial", "chardev:shell",
                *self._monitor()]

    def _board(self):
        plain = [host.QEMU_SYSTEM, "-M", "virt", "-cpu", "cortex-a72", "-accel", "tcg,thread=multi", "-smp", "2",
                 "-m", str(MEMORY_MIB), "-display", "none"]
        tree = ["-dtb", board.with_led(plain, self.folder)] if "led" in self.more else []
        return [*plain, *tree, *(_WATCHDOG if "watchdog" in self.more else ["-no-reboot"])]

    def _kernel(self, console):
        """What starts: the card's own, with its own command line apart from the consoles, which are a Pi's."""
        boot = card.BootPartition(self.image)
        for name, file in zip(("kernel", "initrd"), boot.started(), strict=True):
            boot.take(file, self.folder / name)
        words = [word for word in boot.read("cmdline.txt").decode().split() if not word.startswith("console=")]
        cmdline = " ".join([*words, _EMULATION, f"console={console}", self.extra_cmdline])
        return ["-kernel", self.folder / "kernel", "-initrd", self.folder / "initrd", "-append", cmdline]

    def _network(self):
        forwards = "".join(f",hostfwd=tcp:127.0.0.1:{port if self.fixed_ports else 0}-:{port}" for port in self.ports)
        return f"user,id=net{forwards}"

    def _monitor(self):
        return ["-qmp", f"unix:{self.folder}/monitor,server=on,wait=off"]

    def _ask_forwards(self):
        """The host ports that QEMU took: it chooses free ones, so that parallel runs never collide."""
        with self.monitor() as monitor:
            listing = monitor.execute("human-monitor-command", **{"command-line": "info usernet"})
        rows = re.findall(r"HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)", listing)
        return {int(guest): int(outside) for outside, guest in rows}


def copy_card(image, destination, size):
    """A copy of a card image on a card of `size` bytes, as flashing makes it; holes stay holes."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", image, destination], check=True)
    with destination.open("r+b") as copy:
        copy.truncate(size)
