# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A machine that is killed at random points under load, again and again: each start has every acknowledged message.

KILLS says how often (20), KILL_SEED repeats a run. Not among the tests of every change: each kill costs a start.
"""

import os
import random
import sys
import time
import unittest
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "image"))

import card  # noqa: E402
import host  # noqa: E402
import machine  # noqa: E402
from boot import BOOT_LIMIT_S, CARD_SIZE, FOLDER  # noqa: E402
from clients import NumberedPublisher, joins_and_leaves, take  # noqa: E402
from kinds import IMAGE  # noqa: E402

NUMBER = int(os.environ.get("KILLS", "20"))
SEED = int(os.environ.get("KILL_SEED") or time.time())
DISK = FOLDER / "kills.img"
MQTT = 1883
LOGIN = ("sensors", "correct horse battery")
BROKER_TOML = f'version = 1\n[[user]]\nusername = "{LOGIN[0]}"\npassword = "{LOGIN[1]}"\n'
ABSENT = ("absent", "load")
"""Client identifier and topic of a session that is away while messages are published."""
MESSAGES = 900
"""Published in one start, fewer than a session's queue takes."""
POLL_S = 0.5


class KilledGuests(unittest.TestCase):
    def setUp(self):
        host.need_qemu_system()
        machine.copy_card(IMAGE, DISK, CARD_SIZE)
        self.addCleanup(DISK.unlink)
        card.BootPartition(DISK).write("broker.toml", BROKER_TOML.encode())
        self.chance = random.Random(SEED)

    def test_every_start_has_what_was_acknowledged_before_the_kill(self):
        acknowledged, in_all = 0, 0
        print(f"\n{NUMBER} kills with KILL_SEED={SEED}", file=sys.stderr)
        for number in range(NUMBER + 1):
            with machine.Machine(DISK, FOLDER / type(self).__name__, (MQTT,)) as pi:
                address = self.wait_for_the_broker(pi)
                taken = take(address, LOGIN, *ABSENT, acknowledged) if acknowledged else []
                self.assertEqual([str(message) for message in range(1, acknowledged + 1)], taken, f"after kill {number}")
                in_all += acknowledged
                # What was sent and not acknowledged may be there, too; the next round counts from 1 again.
                acknowledged = self.load_and_kill(pi, address) if number < NUMBER else 0
                print(f"start {number}: {len(taken)} messages were there; killed after {acknowledged}", file=sys.stderr)
        print(f"{NUMBER} kills, {in_all} messages acknowledged, none lost", file=sys.stderr)

    def wait_for_the_broker(self, pi):
        end = time.monotonic() + BOOT_LIMIT_S
        while not joins_and_leaves(pi.address(MQTT), LOGIN, "probe", "nothing"):
            self.assertLess(time.monotonic(), end, pi.text()[-2000:])
            time.sleep(POLL_S)
        return pi.address(MQTT)

    def load_and_kill(self, pi, address):
        """Publishes for a session that is made anew, and kills the machine somewhere in between; how many were acknowledged."""
        # A session that asks for a clean start ends the old one with all that waits for it.
        joins_and_leaves(address, LOGIN, *ABSENT, anew=True)
        joins_and_leaves(address, LOGIN, *ABSENT)
        publisher = NumberedPublisher(address, LOGIN, ABSENT[1], MESSAGES)
        publisher.wait_for_acknowledgements(self.chance.randint(1, MESSAGES - 1))
        pi.kill()
        return publisher.end()
