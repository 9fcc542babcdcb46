# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The power cut at many points of the first start of a card and of the load that follows: the next start, or the one after
it, ends as the file says, with every message that was acknowledged before the cut.

CUT_POINTS says how many (50). Prints a table of what was found after the cuts and what became of it.
"""

import os
import subprocess
import sys
import tempfile
import unittest
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Semaphore

import guest
import host
import replay
from blocklog import Log

NUMBER = int(os.environ.get("CUT_POINTS", "50"))
SIDE_BY_SIDE = 2
"""Containers at a time: they mostly wait."""
MESSAGES = 300
"""Published on each topic, fewer than a session's queue takes."""


class PowerCuts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="broker-cuts-", dir="/var/tmp")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        log, cls.load = guest.first_start(cls.folder, replay.BROKER_TOML, ("sensors", replay.LOGINS["sensors"]), MESSAGES)
        cls.log = Log(log)
        cls.addClassCleanup(cls.log.close)
        # Disks are large: one is made while as many are tried as may be.
        cls.room = Semaphore(SIDE_BY_SIDE + 1)

    def test_the_card_ends_as_the_file_says_wherever_the_power_is_cut(self):
        states, became, faults = Counter(), Counter(), []
        points = self.log.points(NUMBER)
        promised = [sum(self.load.promised(self.log.length(point)).values()) for point in points]
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            for state, verdict, found in pool.map(self.try_one, points, self.disks(points)):
                states[state] += 1
                became[verdict] += 1
                faults += found
        print(f"\n{len(points)} power cuts in {len(self.log.requests)} requests and {len(self.log.flushes())} flushes of a first start and its load",
              file=sys.stderr)
        for heading, counted in (("found after the cut", states), ("what became of it", became)):
            print(f"{heading}: " + ", ".join(f"{number} {what}" for what, number in counted.most_common()), file=sys.stderr)
        print(f"acknowledged before {sum(map(bool, promised))} of the cuts: {', '.join(map(str, filter(None, promised)))}", file=sys.stderr)
        print(f"failures: {len(faults)}", file=sys.stderr)
        self.assertEqual([], faults)
        # A log whose cuts all leave the same proves nothing.
        self.assertGreater(len(states), 2)
        self.assertGreater(len(set(promised)), 2)

    def disks(self, points):
        """The disk that each cut leaves, made while the one before is tried."""
        durable, done = self.folder / "durable.img", 0
        for number, point in enumerate(points):
            self.room.acquire()
            with durable.open("r+b") as disk:
                self.log.write(disk, done, self.log.durable(point))
            done = self.log.durable(point)
            cut = self.folder / f"cut-{number}.img"
            subprocess.run(["cp", "--sparse=always", durable, cut], check=True)
            with cut.open("r+b") as disk:
                self.log.cut(disk, point)
            yield cut

    def try_one(self, point, disk):
        """What a cut left, what became of it, and every fault."""
        promised = self.load.promised(self.log.length(point))
        try:
            with replay.mounted(disk) as left:
                state = left.state()
                faults = left.faults_at_once()
                unlike, doors = left.start(promised)
                faults += doors
                verdict = "configured at the next start"
                if unlike:
                    print(f"{point}, left {state}: not yet {', '.join(unlike)}", file=sys.stderr)
                    verdict = "configured at the start after that"
                    unlike, doors = left.start({})
                    faults += unlike + doors
                faults += left.faults_of_a_mix()
        finally:
            disk.unlink()
            self.room.release()
        return state, verdict if not faults else "wrong", [f"{point}, left {state}: {fault}" for fault in faults]


def setUpModule():
    host.require_root("booting containers")
    host.need_qemu_pc()


if __name__ == "__main__":
    unittest.main()
