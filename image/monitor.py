# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What QEMU tells and takes beside the machine that it emulates: its monitor, over a Unix socket (QMP)."""

import json
import socket
import time

POLL_S = 0.25


class MachineError(Exception):
    """A machine did not come as far as it must; shows the end of the console."""

    def __init__(self, message, console=""):
        end = "\n".join(console.splitlines()[-40:])
        super().__init__(f"{message}\n--- end of the console ---\n{end}" if end else message)


class Monitor:
    """One conversation with an emulator's monitor, which holds one at a time; use it as a context manager."""

    def __init__(self, path, process):
        """Connects to the socket that the emulator `process` makes right after its start."""
        self._connection = connect(path, process)
        self._lines = self._connection.makefile("rw")
        self._events = []
        self.execute("qmp_capabilities")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._lines.close()
        self._connection.close()

    def execute(self, command, **arguments):
        """One command and what it returns."""
        try:
            self._lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
            self._lines.flush()
            while not {"return", "error"} & (answer := self._next()).keys():
                self._events.append(answer)
        except OSError as error:
            raise MachineError("the emulator has ended, for the reason above") from error
        if "error" in answer:
            raise MachineError(f"the emulator refused {command}: {answer['error']['desc']}")
        return answer["return"]

    def wait_for(self, event, limit):
        """Waits at most `limit` seconds for an event of this name; gives what is told of it."""
        end = time.monotonic() + limit
        while True:
            for told in self._events:
                if told.get("event") == event:
                    self._events.remove(told)
                    return told
            self._connection.settimeout(max(end - time.monotonic(), 0.001))
            try:
                self._events.append(self._next())
            except TimeoutError as error:
                raise MachineError(f"the emulator told of no {event} within {limit} s") from error
            finally:
                self._connection.settimeout(None)

    def _next(self):
        try:
            return json.loads(self._lines.readline())
        except json.JSONDecodeError as error:
            raise MachineError("the emulator has ended, for the reason above") from error


def connect(path, process):
    """A connection to a socket that QEMU makes right after its start."""
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
            return connection
        except OSError:
            connection.close()
            if process.poll() is not None:
                raise MachineError(f"the emulator ended at once ({process.returncode})") from None
            time.sleep(POLL_S)
