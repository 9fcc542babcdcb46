# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A root shell inside the emulated machine: systemd's debug shell, spoken to over a serial line.

Nothing in the image is for this; it exists only while the emulator's kernel command line asks for it.
"""

import itertools
import re

ANSWER_LIMIT_S = 180
"""Generous: commands run under emulation on a busy machine."""

_WAKING_S = 5
_WAKINGS = 60
_PROMPT = re.compile(r"# $")
# One line of input per command, neither echoed nor wrapped nor decorated.
_SETTINGS = "bind 'set enable-bracketed-paste off'; stty -echo cols 5000; PS1=; PS2=; export SYSTEMD_COLORS=0 PAGER=cat"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


class Shell:
    """One conversation; a command's output ends at a mark that the command line itself does not contain."""

    def __init__(self, connection):
        """Takes a connected socket, and returns once the shell has answered on it."""
        self._connection = connection
        self._numbers = itertools.count()
        # What is typed before the shell has opened its line is lost, so it is woken until its prompt appears.
        for _ in range(_WAKINGS):
            self._connection.settimeout(_WAKING_S)
            self._connection.sendall(b"\n")
            try:
                self._read_until(_PROMPT)
                break
            except ShellError:
                continue
        self.run(_SETTINGS)

    def run(self, command):
        """Runs a command line in the guest and returns its output; fails unless it exits with 0."""
        output, status = self.try_run(command)
        if status != 0:
            raise ShellError(f"in the machine, {command!r} ended with {status}:\n{output}")
        return output

    def try_run(self, command, limit=ANSWER_LIMIT_S):
        """Runs a command line in the guest and returns its output and exit status, if it answers in time."""
        number = next(self._numbers)
        line = f"printf '%s%s\\n' BEGIN- {number}; {{ {command}; }} 2>&1; printf '\\n%s%s %d\\n' END- {number} $?\n"
        self._connection.settimeout(limit)
        self._connection.sendall(line.encode())
        text = self._read_until(re.compile(rf"(?:.*\n)?BEGIN-{number}\n(.*)\nEND-{number} (\d+)\n", re.S))
        return text[1], int(text[2])

    def say(self, line):
        """Says something that has no answer."""
        self._connection.sendall(f"{line}\n".encode())

    def close(self):
        """Ends the conversation; the shell stays."""
        self._connection.close()

    def _read_until(self, pattern):
        received = b""
        while not (found := pattern.search(_ESCAPES.sub("", received.decode("utf-8", "replace")))):
            try:
                chunk = self._connection.recv(65536)
            except TimeoutError:
                chunk = b""
            if not chunk:
                said = received[-2000:].decode(errors="replace")
                raise ShellError(f"the machine's shell says no more; its last words:\n{said}")
            received += chunk
        return found


class ShellError(Exception):
    """A command failed in the machine, or its shell did not answer."""
