# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The story goes on: the owner makes mistakes in the file of the machine that runs, and its kernel hangs.

Its watchdog starts it again, and the last good state must be in force.
"""

import base64
import json
import re
import sys

import card
from boot import DISK, Boot
from clients import publish
from owner import LOGIN, MISTAKES, MQTT, THIRD_PASSWORD, edited
from story import LISTENERS, EditedAfterPowerCut

WATCHDOG_S = 14
"""After so many seconds without a sign of systemd the hardware resets the machine."""
WATCH_LED = """\
end=$((SECONDS + 10)); while [ $SECONDS -lt $end ]; do \
read -r now </sys/class/leds/ACT/brightness; [ "$now" = "$before" ] || echo $EPOCHREALTIME $now; before=$now; done"""
"""Each change of the LED in ten seconds, without a program that would be too slow for it."""
HANG = "echo 0 >/proc/sys/kernel/panic; echo c >/proc/sysrq-trigger"
"""The kernel crashes, and then does nothing any more."""


class StartWithMistakes(Boot):
    """The owner edited the file once more, made mistakes, and wrote one more user; then the kernel crashed."""

    ports = LISTENERS

    @classmethod
    def begin(cls):
        cls.pi, shell = EditedAfterPowerCut.pi, EditedAfterPowerCut.shell
        cls.addClassCleanup(cls.pi.kill)
        shell.run("sync")
        late = f'\n[[user]]\nusername = "late"\npassword = "{THIRD_PASSWORD}"\n'
        before = card.BootPartition(DISK).read("broker.toml").decode()
        cls.text = edited(before, *((old, new) for old, new, _ in MISTAKES)) + late
        encoded = base64.b64encode(cls.text.encode()).decode()
        shell.run(f"echo {encoded} | base64 --decode >/boot/firmware/broker.toml && sync")
        used = cls.pi.cpu_seconds()
        cls.reset = cls.pi.reset_by_watchdog(lambda: shell.say(HANG), 10 * WATCHDOG_S)
        shell.close()
        return used

    def test_the_watchdog_resets_a_machine_that_hangs(self):
        print(f"\nreset {self.reset:.1f} s after the kernel crashed", file=sys.stderr)
        self.assertLess(self.reset, 2 * WATCHDOG_S)

    def test_the_led_blinks_twice_and_pauses(self):
        self.shell.run("until grep -qF '[pattern]' /sys/class/leds/ACT/trigger; do sleep 1; done")
        pattern = self.shell.run("cat /sys/class/leds/ACT/pattern")
        self.assertEqual(2, pattern.count("1 200"), pattern)
        times = [(float(time), state) for time, state in map(str.split, self.shell.run(WATCH_LED).splitlines())]
        dark = [end - begin for (begin, state), (end, _) in zip(times, times[1:]) if state == "0"]
        print(f"\nLED dark for {', '.join(f'{time:.2f}' for time in dark)} s", file=sys.stderr)
        # A busy machine misses some changes; between two blinks it is dark for 0.3 s, in the pause for 1.8 s.
        self.assertGreaterEqual(min(sum(time < 0.8 for time in dark), sum(time > 1.5 for time in dark)), 2)

    def test_the_last_good_state_runs(self):
        self.assertEqual(0, publish(self.pi.address(MQTT), LOGIN, "home/door", "open").returncode)
        self.assertEqual("cellar", self.shell.run("hostnamectl --static").strip())
        self.assertEqual("Europe/Vienna", self.shell.run("timedatectl show --property=Timezone --value").strip())

    def test_nothing_of_the_file_is_applied(self):
        self.assertNotEqual(0, publish(self.pi.address(MQTT), ("late", THIRD_PASSWORD), "home/door", "open").returncode)

    def test_the_report_lists_every_problem_with_its_line_and_the_remedy(self):
        self.shell.run("sync")
        report = card.BootPartition(DISK).read("broker-report.txt").decode()
        print(f"\n{report}", file=sys.stderr)
        # The words of one problem may go over several lines.
        words = " ".join(report.split())
        lines = [self.text.splitlines().index(written) + 1 for _, written, _ in MISTAKES]
        for line, (_, written, remedy) in zip(lines, MISTAKES):
            with self.subTest(written):
                self.assertRegex(words, rf"line {line}\b((?! line \d).)*{re.escape(remedy)}")
        machine_readable = json.loads(card.BootPartition(DISK).read("broker-report.json"))
        self.assertEqual(("refused", lines), (machine_readable["result"], [problem["line"] for problem in machine_readable["problems"]]))
        self.assertNotIn(THIRD_PASSWORD, report)
