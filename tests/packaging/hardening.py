# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What a hardened system must show, wherever it runs: exposure of the units, settings of the kernel, a canary that is denied."""

import re

EXPOSURE_LIMITS = {"broker.service": 1.2, "broker-provision.service": 4.0, "broker-provision-network.service": 4.0,
                   "broker-provision-report.service": 4.0, "broker-provision-certificate.service": 4.0, "broker-led.service": 4.0, "broker-support.service": 4.0, "broker-firewall.service": 4.0,
                   "broker-warnings.service": 4.0}
SYSCTLS = {
    "kernel.kptr_restrict": "2", "kernel.dmesg_restrict": "1", "kernel.unprivileged_bpf_disabled": "1", "kernel.yama.ptrace_scope": "2",
    "kernel.core_pattern": "|/bin/false", "fs.suid_dumpable": "0", "fs.protected_hardlinks": "1", "fs.protected_symlinks": "1",
    "fs.protected_fifos": "2", "fs.protected_regular": "2", "net.ipv4.conf.all.rp_filter": "2", "net.ipv4.tcp_syncookies": "1",
    "net.ipv4.conf.all.accept_redirects": "0", "net.ipv6.conf.all.accept_redirects": "0", "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.all.accept_source_route": "0", "net.core.bpf_jit_harden": "2",
}
"""Settings of the kernel that must win over those of Debian."""
CANARY = "tests/packaging/canary.c"
ATTEMPTS = 40
"""How many things the canary tries."""
IN_PLACE_OF_THE_BROKER = """\
[Service]
Type=oneshot
Restart=no
WatchdogSec=0
ExecStart=
ExecStart={program}
"""
"""A drop-in for broker.service that leaves everything but the program and how its end is understood."""


def exposure(judged):
    """The number at the end of what `systemd-analyze security UNIT` prints."""
    return float(re.search(r"Overall exposure level for \S+ ([\d.]+)", judged)[1])


def attempts(lines):
    """What the canary tried, each with its outcome, from lines of the journal."""
    lines = (line.removeprefix("canary: ").strip() for line in lines if line.startswith("canary: "))
    return dict(line.rsplit(": ", 1) for line in lines)


def allowed(tried):
    """The attempts that were not denied."""
    return [attempt for attempt, outcome in tried.items() if not outcome.startswith("denied, ")]
