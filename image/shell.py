# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A root shell inside the emulated machine: systemd's debug shell, spoken to over a serial line.

Nothing in the image is for this; it exists only while the emulator's kernel command line asks for it.
"""

import itertools
import re
import socket

ANSWER_LIMIT_S = 180
"""Generous: commands run under emulation on a busy machine."""
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


class Shell:
    """One conversation; a command's output ends at a mark that the command line itself does not contain."""

    def __init__(self, connection):
        self._connection = connection
        self._connection.settimeout(ANSWER_LIMIT_S)
        self._numbers = itertools.count()
        # One line of input per command, neither echoed nor wrapped nor decorated.
        self._send("bind 'set enable-bracketed-paste off'; stty -echo cols 5000; PS1=; PS2=; export SYSTEMD_COLORS=0 PAGER=cat")
        self.run("true")

    def run(self, command):
        """Runs a command line in the guest and returns its output; fails unless it exits with 0."""
        output, status = self.try_run(command)
        if status != 0:
            raise AssertionError(f"in the machine, {command!r} ended with {status}:\n{output}")
        return output

    def try_run(self, command):
        """Runs a command line in the guest and returns its output and exit status."""
        number = next(self._numbers)
        self._send(f"printf '%s%s\\n' BEGIN- {number}; {{ {command}; }} 2>&1; printf '\\n%s%s %d\\n' END- {number} $?")
        text = self._read_until(re.compile(rf"(?:.*\n)?BEGIN-{number}\n(.*)\nEND-{number} (\d+)\n", re.S))
        return text[1], int(text[2])

    def close(self):
        """Ends the conversation; the shell stays."""
        self._connection.close()

    def _send(self, line):
        self._connection.sendall(line.encode() + b"\n")

    def _read_until(self, pattern):
        received = b""
        while not (found := pattern.search(_ESCAPES.sub("", received.decode("utf-8", "replace")))):
            try:
                chunk = self._connection.recv(65536)
            except socket.timeout:
                chunk = b""
            if not chunk:
                raise AssertionError(f"the machine's shell said no more within {ANSWER_LIMIT_S} s after:\n{received[-2000:].decode(errors='replace')}")
            received += chunk
        return found
