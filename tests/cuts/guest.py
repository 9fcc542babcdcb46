# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The first start of a card and the load that follows, with everything that its disk was asked to do: a Debian of this machine's kind with our packages and
Debian's kernel, emulated by QEMU, with the partitions, the mounts and the broker.toml of a card for a Pi.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "image"), str(PROJECT / "tests/packaging")]

import cache  # noqa: E402
import card  # noqa: E402
import host  # noqa: E402
import machine  # noqa: E402
from container import Container  # noqa: E402
from load import Load  # noqa: E402

PACKAGES = ["linux-image-cloud-amd64", "initramfs-tools", "zstd", "udev", "kmod", "iproute2"]
MODULES = ["ext4", "virtio_pci", "virtio_blk"]
"""What the initial RAM disk needs; the rest is on the root file system."""
LIMIT_S = 900
"""How long the emulated start may take; it is never waited for longer than it takes."""
IDENTITY = "c0ffee00"
_CMDLINE = ("root=/dev/vda2 rw rootfstype=ext4 console=ttyS0 nokaslr audit=0 mitigations=off systemd.getty_auto=no "
            "systemd.default_device_timeout_sec=900 systemd.default_timeout_start_sec=900 systemd.debug_shell=ttyS1 net.ifnames=0")
_ADDRESS = "ip address add 10.0.2.15/24 dev eth0 && ip link set eth0 up"
"""The one that QEMU leads connections from outside to."""
MQTT = 1883
CARD_SIZE = 16_000_000_000
"""Bytes of a usual card, which the first start divides; the file is mostly a hole."""


class Guest(machine.Machine):
    """An emulated PC with this card, whose writes and flushes are logged."""

    def __init__(self, folder):
        super().__init__(folder / "card.img", folder, ports=(MQTT,), shell=True)
        self.log = folder / "log"

    def _command(self):
        self.log.unlink(missing_ok=True)
        self.log.touch()
        return ["setpriv", "--pdeathsig", "KILL",
                host.QEMU_PC, "-M", "q35", "-accel", "tcg,thread=multi", "-smp", "2", "-m", str(machine.MEMORY_MIB),
                "-display", "none", "-no-reboot",
                "-nic", f"user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:0-:{MQTT}",
                "-kernel", self.folder / "kernel", "-initrd", self.folder / "initrd", "-append", _CMDLINE,
                "-blockdev", f"driver=file,node-name=card,filename={self.image}",
                "-blockdev", f"driver=file,node-name=log,filename={self.log}",
                "-blockdev", "driver=blklogwrites,node-name=logged,file=card,log=log,log-sector-size=512",
                "-device", "virtio-blk-pci,drive=logged,romfile=",
                "-serial", f"file:{self.console}",
                "-chardev", f"socket,id=shell,path={self.folder}/shell,server=on,wait=off", "-serial", "chardev:shell",
                "-qmp", f"unix:{self.folder}/monitor,server=on,wait=off"]


def first_start(folder, broker_toml, login, messages):
    """Makes a card, keeps a copy as `durable.img`, starts it once, has so many messages published on each topic by somebody
    with this login, and turns it off; gives the log's path and the load."""
    with cache.timed("the card of the logged start"):
        make_card(folder, broker_toml)
        os.truncate(folder / "card.img", CARD_SIZE)
    subprocess.run(["cp", "--sparse=always", folder / "card.img", folder / "durable.img"], check=True)
    with cache.timed("the logged start and its load"), Guest(folder) as guest:
        shell = guest.shell(LIMIT_S)
        shell.run(f"until ip link show eth0; do sleep 1; done; {_ADDRESS}")
        load = Load(guest.address(MQTT), login, guest.log, messages)
        load.run()
        state, _ = shell.try_run("systemctl is-system-running --wait", LIMIT_S)
        if state.strip() != "running":
            raise machine.MachineError(f"the logged start ended {state.strip()}", shell.run("systemctl --failed --no-pager"))
        shell.run("systemctl --no-block poweroff")
        guest.process.wait(LIMIT_S)
        shell.close()
    return guest.log, load


def make_card(folder, broker_toml):
    """Writes `card.img`, and beside it its kernel and initial RAM disk."""
    container = Container()
    try:
        container.install()
        root = container.root
        _install_kernel(root)
        for name, path in (("kernel", "vmlinuz"), ("initrd", "initrd.img")):
            (folder / name).write_bytes((root / (root / path).readlink()).read_bytes())
        # As in the image: the identity is the device's own.
        (root / "etc/machine-id").write_text("")
        (root / "etc/hostname").write_text("broker\n")
        (root / "etc/fstab").write_text(re.search(r"<<'FSTAB'\n(.*)FSTAB\n", (PROJECT / "image/base/setup").read_text(), re.S)[1])
        container.boot_file("broker.toml").write_text(broker_toml)
        card.make(folder / "card.img", root, IDENTITY, host.newest_entry()[1])
        # What went onto the boot partition is left beside the root.
        shutil.rmtree(root.with_name(f"{root.name}.firmware"))
    finally:
        container.remove()


def _install_kernel(root):
    """Debian's kernel and what makes its initial RAM disk, from where the base came from."""
    settings = root / "etc/initramfs-tools"
    (settings / "conf.d").mkdir(parents=True)
    (settings / "conf.d/modules").write_text("MODULES=list\nCOMPRESS=zstd\nCOMPRESSLEVEL=3\nFSTYPE=ext4\n")
    (settings / "modules").write_text("\n".join(MODULES) + "\n")
    install = ("apt-get -q update && apt-get -q install --yes --no-install-recommends -o Dpkg::Options::=--force-unsafe-io "
               f"-o Dpkg::Options::=--force-confold {' '.join(PACKAGES)} && apt-get clean && rm -rf /var/lib/apt/lists/*")
    command = ["systemd-nspawn", "--quiet", "--pipe", "--register=no", "--keep-unit", "--resolv-conf=replace-host",
               "--setenv=DEBIAN_FRONTEND=noninteractive", f"--directory={root}", "sh", "-c", install]
    done = subprocess.run(command, env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        host.fail(f"Debian's kernel could not be installed:\n{done.stdout[-3000:]}")
