# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A Debian 13 of this machine's architecture with our packages in it, booted by systemd-nspawn in about a second.

It is real systemd with a network of its own; the kernel, and so the watchdog device and the card, are not there.
"""

import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "image"))

import cache  # noqa: E402
import host  # noqa: E402

DEBS = PROJECT / "target" / "debs"
CACHE = PROJECT / "target" / "packaging"
SUITE = "trixie"
BASE_PACKAGES = ["systemd-sysv", "dbus", "systemd-resolved", "systemd-timesyncd", "libnss-systemd", "e2fsprogs", "fdisk", "nftables", "openssh-server",
                 "unattended-upgrades"]
LIMIT_SECONDS = 60
"""How long anything in the container may take; it is never waited for longer than it takes."""


def packages():
    """The .deb files for this machine, in no particular order."""
    architecture = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip()
    found = sorted([*DEBS.glob(f"*_{architecture}.deb"), *DEBS.glob("*_all.deb")])
    if len(found) != 3:
        host.fail(f"expected three packages in {DEBS.relative_to(PROJECT)}, found {len(found)}; run make debs first")
    return found


class Container:
    """One installation, from an unpacked root file system to its removal."""

    def __init__(self, root=None, boot=None, more_packages=()):
        """`more_packages` are Debian's, beside those of the base. With `root` it is one that is there already, and stays; the
        folder `boot` is presented as its boot partition."""
        self._boot = boot
        self._is_borrowed = root is not None
        self._nspawn = None
        self._leader = None
        if root:
            self.root = root
            return
        host.need("a container with the packages", "mmdebstrap=mmdebstrap", "systemd-nspawn=systemd-container",
                  "nsenter=util-linux", "ip=iproute2", "mosquitto_sub=mosquitto-clients", "zstd=zstd", "openssl=openssl",
                  "/usr/share/keyrings/debian-archive-keyring.gpg=debian-archive-keyring")
        self.root = Path(tempfile.mkdtemp(prefix="broker-", dir="/var/tmp"))
        subprocess.run(["tar", "--zstd", "-xf", _base(more_packages), "-C", self.root], check=True)
        (self.root / "boot/firmware").mkdir(parents=True)
        # As in the image: they are the device's own, made when somebody needs them.
        for key in (self.root / "etc/ssh").glob("ssh_host_*"):
            key.unlink()

    def install(self, debs=None):
        """Installs our packages, or these, with dpkg, as the image build does: in a root file system that does not run."""
        debs = debs or packages()
        for deb in debs:
            shutil.copy(deb, self.root / "var/cache")
        names = [f"/var/cache/{deb.name}" for deb in debs]
        self.chroot("dpkg", "--install", *names)

    def chroot(self, *command, check=True):
        """Runs a command in the root file system without booting it."""
        return _run(["chroot", self.root, *command], check)

    def boot(self, network=None):
        """Boots, and returns when systemd has finished starting what it starts; `network` names a prepared namespace."""
        self.begin_boot(network)
        wait_for(self._has_booted, "the end of the boot")

    def begin_boot(self, network=None):
        """Boots, and returns at once: nothing can be run in it yet."""
        network = ["--private-network"] if network is None else [f"--network-namespace-path=/run/netns/{network}", "--capability=CAP_NET_ADMIN"]
        command = ["systemd-nspawn", "--boot", f"--directory={self.root}", "--register=no", "--keep-unit",
                   *network, "--console=read-only", "--timezone=off"]
        if self._boot:
            # The partitions that its table names are not there.
            command += [f"--bind={self._boot}:/boot/firmware", "--bind-ro=/dev/null:/etc/fstab"]
        # Nobody sits in front of it, and a login that waits for somebody can hold up its end.
        command += ["systemd.mask=console-getty.service"]
        self._group = _own_group()
        if self._group:
            command = ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', self._group, *command]
        environment = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        self._console = open(f"{self.root}.console", "w+b")
        self._nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._console,
                                        stderr=subprocess.STDOUT, env=environment)

    def _has_booted(self):
        """Looks at nspawn's newest child: the container's first process, after one or two others that prepare it."""
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        self._leader = children[-1] if children else None
        state = children and self.run("systemctl", "is-system-running", "--wait", check=False).stdout.strip()
        return state in ("running", "degraded")

    def run(self, *command, check=True, stdin=None):
        """Runs a command of the container in the container."""
        return _run(self.in_container(*command), check, stdin)

    def in_container(self, *command):
        """The command line that does so."""
        return ["nsenter", "--target", self._leader, "--mount", "--uts", "--ipc", "--net", "--pid", *command]

    def network(self, *command, check=True):
        """Runs a command of the host in the container's network: a client on another machine, as it were."""
        return _run(self.in_network(*command), check)

    def in_network(self, *command):
        """The command line that does so."""
        return ["nsenter", "--target", self._leader, "--net", *command]

    @contextmanager
    def neighbour(self, inside, outside, interface):
        """A machine on the other end of a cable to this one; gives the beginning of a command line on it.

        `inside` and `outside` are lists of addresses with their prefix length, `interface` is the container's.
        """
        name = f"neighbour-{self._leader}"
        there = ["ip", "netns", "exec", name]
        _run(["ip", "netns", "add", name], True)
        try:
            _run(["ip", "link", "add", "cable", "netns", name, "type", "veth", "peer", "name", interface, "netns", self._leader], True)
            for command, device, addresses in (([*self.in_network()], interface, inside), (there, "cable", outside)):
                for address in addresses:
                    # Without waiting for a duplicate's answer.
                    _run([*command, "ip", "address", "add", address, "dev", device, *(["nodad"] if ":" in address else [])], True)
                _run([*command, "ip", "link", "set", device, "up"], True)
            yield there
        finally:
            _run(["ip", "netns", "delete", name], True)

    @contextmanager
    def listening(self, *arguments, there=None):
        """Keeps a subscribed mosquitto_sub in the container's network, or `there`; gives a function that returns its next line."""
        command = [*(there or self.in_network()), "stdbuf", "-oL", "mosquitto_sub", "-d", "-v", *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            messages = (line.rstrip("\n") for line in process.stdout if not _is_chatter(line))
            wait_for(lambda: "SUBACK" in process.stdout.readline(), "the subscription")
            try:
                yield lambda: next(messages)
            finally:
                process.terminate()

    def report(self):
        """The provisioner's report for programs."""
        return json.loads(self.boot_file("broker-report.json").read_text())

    def show(self, unit, name):
        """One property of a unit."""
        return self.run("systemctl", "show", "--value", "--property", name, unit).stdout.strip()

    def journal(self, unit):
        """Every journal entry of a unit in this boot, oldest first, each as a dictionary of fields."""
        lines = self.run("journalctl", "--boot", "--unit", unit, "--output", "json", "--no-pager").stdout
        return [json.loads(line) for line in lines.splitlines()]

    def boot_file(self, name):
        """The path, seen from outside, of a file on the boot partition."""
        return (self._boot or self.root / "boot/firmware") / name

    def running_path(self, name):
        """The path, seen from outside, of a file of the running system, also of one that is in memory only."""
        return f"/proc/{self._leader}/root/{name}"

    def console(self):
        """All that was written to the console so far."""
        self._console.flush()
        return Path(self._console.name).read_text(errors="replace")

    def cut_power(self):
        """Ends every process at once; what was written stays."""
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        self._leader = children[-1]
        self._end(signal.SIGKILL)

    def power_off(self):
        """Shuts down in the orderly way."""
        self._end(signal.SIGRTMIN + 4)

    def _end(self, how):
        if self._nspawn:
            os.kill(int(self._leader), how)
            self._nspawn.wait(LIMIT_SECONDS)
            self._console.close()
            self._nspawn = None
            if self._group:
                wait_for(lambda: _remove_group(self._group), "the end of its last process")

    def remove(self):
        """Powers off and deletes everything of its own."""
        self.power_off()
        Path(f"{self.root}.console").unlink(missing_ok=True)
        if not self._is_borrowed:
            shutil.rmtree(self.root)


def wait_for(condition, what):
    """Returns the first true value of `condition`; fails with `what` if none comes within LIMIT_SECONDS."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise TimeoutError(f"waited {LIMIT_SECONDS} s in vain for {what}")


def _base(more_packages):
    """The cached tarball of the system without our packages."""
    packages = [*BASE_PACKAGES, *more_packages]
    tarball = CACHE / f"base-{cache.key(SUITE, *packages)}.tar.zst"
    CACHE.mkdir(parents=True, exist_ok=True)
    with tarball.with_suffix(".lock").open("w") as lock:
        # Tests that run side by side make it once.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tarball.exists() or cache.age_days(tarball) > 7:
            _build(tarball, packages)
    return tarball


def _build(tarball, packages):
    host.require_root("building the container")
    with cache.replacing(tarball) as temporary:
        partial = temporary.with_suffix(".tar")
        _run(["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--dpkgopt=force-unsafe-io",
              "--aptopt=APT::Install-Recommends \"false\"", "--aptopt=Acquire::Languages \"none\"",
              f"--include={','.join(packages)}", SUITE, partial, host.mirrors()[0]], True)
        _run(["zstd", "--quiet", "--rm", "-1", "-T0", partial, "-o", temporary], True)


def _own_group():
    """A control group for one container, if there are any: containers that share one end each other's services."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    unified = next((Path(fields[1]) for fields in mounts if fields[2] == "cgroup2"), None)
    if unified is None:
        return None
    own = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
    return tempfile.mkdtemp(prefix="container-", dir=unified / own.removeprefix("0::/"))


def _remove_group(group):
    """Takes it away with those inside it, or says that a process is still on its way out."""
    try:
        for folder, _, _ in os.walk(group, topdown=False):
            os.rmdir(folder)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True


def _is_chatter(line):
    """Whether mosquitto_sub says what it does, instead of what it heard."""
    return line.startswith(("Client ", "Subscribed "))


def _run(command, check, stdin=None):
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=600)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done
