# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Other people's MQTT clients, as an owner would use them against the machine from outside.

mosquitto_pub and mosquitto_sub over TCP, Eclipse Paho over WebSocket.
"""

import json
import subprocess

LIMIT_S = 300
"""Longer than any answer of a machine under emulation takes; never waited for when it comes earlier."""
DEBIAN_PYTHON = "/usr/bin/python3"
"""The interpreter that Debian's python3-paho-mqtt belongs to."""

_PAHO_PUBLISH = """
import json, sys
import paho.mqtt.publish as publish
host, port, user, password, topic, payload = json.load(sys.stdin)
publish.single(topic, payload, qos=1, hostname=host, port=port, transport="websockets",
               auth={"username": user, "password": password})
"""


def publish(address, login, topic, payload, *options):
    """Runs mosquitto_pub with QoS 1; `login` is (user, password) or None. Returns the finished process."""
    command = ["mosquitto_pub", *_target(address, login), "-q", "1", "-t", topic, "-m", payload, *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)


def publish_over_websocket(address, login, topic, payload):
    """Publishes with QoS 1 over WebSocket; returns the finished process."""
    return subprocess.run([DEBIAN_PYTHON, "-c", _PAHO_PUBLISH], input=json.dumps([*address, *login, topic, payload]),
                          capture_output=True, text=True, timeout=LIMIT_S)


class Subscriber:
    """A mosquitto_sub that is subscribed once the block begins; `message()` is the first one it gets."""

    def __init__(self, address, login, topic):
        # Unbuffered lines and debug output: the acknowledged subscription is what the block waits for.
        self._command = ["stdbuf", "-oL", "mosquitto_sub", *_target(address, login), "-d", "-q", "1", "-t", topic,
                         "-C", "1", "-W", str(LIMIT_S), "-F", "MESSAGE %t %p"]

    def __enter__(self):
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._line_with("Subscribed ")
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    def message(self):
        """Topic and payload of the first message."""
        return self._line_with("MESSAGE ").split(maxsplit=2)[1:]

    def _line_with(self, start):
        seen = []
        for line in self._process.stdout:
            if line.startswith(start):
                return line.strip()
            seen.append(line)
        raise AssertionError(f"mosquitto_sub ended without {start!r}:\n{''.join(seen)}")


def joins_and_leaves(address, login, client_id, topic, anew=False):
    """Makes or continues a persistent session with a subscription at QoS 1, and leaves it; whether that was possible.

    With `anew` the session is ended, with all that waits for it, and none is left.
    """
    kept = [] if anew else ["-c"]
    command = ["mosquitto_sub", *_target(address, login), "-q", "1", "-i", client_id, *kept, "-E", "-t", topic, "-W", str(LIMIT_S)]
    return subprocess.run(command, capture_output=True, text=True, timeout=2 * LIMIT_S).returncode == 0


def take(address, login, client_id, topic, number):
    """What waits for a persistent session: the payloads of its first `number` messages."""
    command = ["mosquitto_sub", *_target(address, login), "-q", "1", "-i", client_id, "-c", "-t", topic,
               "-C", str(number), "-W", str(LIMIT_S)]
    return subprocess.run(command, capture_output=True, text=True, timeout=2 * LIMIT_S).stdout.split()


class NumberedPublisher:
    """A mosquitto_pub that publishes 1, 2, 3 ... with QoS 1, each as soon as it may, and tells which were acknowledged."""

    def __init__(self, address, login, topic, number):
        command = ["stdbuf", "-oL", "mosquitto_pub", *_target(address, login), "-d", "-q", "1", "-t", topic, "-l"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        # Fewer bytes than a pipe takes without a reader.
        self._process.stdin.write("".join(f"{line}\n" for line in range(1, number + 1)))
        self._process.stdin.flush()
        self._acknowledged = 0

    def wait_for_acknowledgements(self, number):
        """Waits until so many messages are acknowledged; they are so in the order in which they were sent."""
        seen = []
        while self._acknowledged < number:
            line = self._process.stdout.readline()
            if not line:
                raise AssertionError(f"mosquitto_pub ended early:\n{''.join(seen)}")
            seen.append(line)
            self._acknowledged += "received PUBACK" in line

    def end(self):
        """Ends it; the number of the last message that was acknowledged."""
        self._process.kill()
        with self._process as process:
            return self._acknowledged + process.stdout.read().count("received PUBACK")


def _target(address, login):
    user = ["-u", login[0], "-P", login[1]] if login else []
    return ["-h", address[0], "-p", str(address[1]), *user]
