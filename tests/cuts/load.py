# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Clients of the machine whose writes are logged, outside of it: what they were promised, and how long the log was by then.

Each publisher sends 1, 2, 3 ... at QoS 1, retained, as fast as it may. A session that is away has its topic's messages
queued, another one takes all of them as they come.
"""

import re
import subprocess
import time
from threading import Thread

LIMIT_S = 600
"""Of anything under emulation; it is never waited for longer than it takes."""
POLL_S = 0.5
TOPICS = ("load/a", "load/b")
READER = "reader"
PADDING = "x" * 200
_ACKNOWLEDGED = re.compile(r"received PUBACK \(Mid: (\d+), RC:0\)")


class Load:
    """What is published while the disk's requests are written to the file `log`."""

    def __init__(self, address, login, log, number):
        """Publishes `number` messages on each of TOPICS at `address`, fewer than a session's queue takes."""
        self._target = ["-h", address[0], "-p", str(address[1]), "-u", login[0], "-P", login[1], "-q", "1"]
        self._log, self._number = log, number
        self._promised = {topic: [] for topic in TOPICS}

    def run(self):
        """Returns when every message is acknowledged."""
        self._join()
        reader = subprocess.Popen(["mosquitto_sub", *self._target, "-i", READER, "-c", "-t", "load/#"], stdout=subprocess.DEVNULL)
        try:
            publishers = [Thread(target=self._publish, args=(topic,)) for topic in TOPICS]
            for publisher in publishers:
                publisher.start()
            for publisher in publishers:
                publisher.join()
        finally:
            reader.kill()
            reader.wait()
        missing = {topic: len(promised) for topic, promised in self._promised.items() if len(promised) != self._number}
        if missing:
            raise AssertionError(f"not every message was acknowledged: {missing} of {self._number}")

    def promised(self, length):
        """By topic: how many messages were acknowledged before the log was longer than that."""
        return {topic: sum(at <= length for at in promised) for topic, promised in self._promised.items()}

    def _join(self):
        """Makes the sessions that are away, as soon as the broker answers."""
        for topic in TOPICS:
            command = ["mosquitto_sub", *self._target, "-i", absent(topic), "-c", "-E", "-W", "60", "-t", topic]
            end = time.monotonic() + LIMIT_S
            while subprocess.run(command, capture_output=True).returncode:
                if time.monotonic() > end:
                    raise AssertionError(f"the broker did not answer within {LIMIT_S} s")
                # QEMU takes a connection at once and ends it if nobody listens.
                time.sleep(POLL_S)

    def _publish(self, topic):
        command = ["stdbuf", "-oL", "mosquitto_pub", *self._target, "-d", "-r", "-t", topic, "-l"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            feeder = Thread(target=self._feed, args=(process.stdin,))
            feeder.start()
            for line in process.stdout:
                if acknowledged := _ACKNOWLEDGED.search(line):
                    # They are acknowledged in the order in which they were sent.
                    if int(acknowledged[1]) == len(self._promised[topic]) + 1:
                        self._promised[topic].append(self._log.stat().st_size)
            feeder.join()

    def _feed(self, pipe):
        with pipe:
            for number in range(1, self._number + 1):
                pipe.write(f"{number} {PADDING}\n")


def absent(topic):
    """The client identifier of the session that is away and subscribed to it."""
    return f"absent-{topic[-1]}"
