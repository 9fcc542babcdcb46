# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The real image in QEMU, in the order of a story: what an owner's card goes through, and then a card that nobody edited."""

import sys
import unittest
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "image"))
# Behind this folder, because some files there have the names of those here.
sys.path.append(str(PROJECT / "tests/packaging"))

from faults import StartWithMistakes  # noqa: E402
from shipped import ShippedCard  # noqa: E402
from story import EditedAfterPowerCut, FirstStart  # noqa: E402
from upgrade import Upgrade  # noqa: E402

STORY = (FirstStart, EditedAfterPowerCut, StartWithMistakes, ShippedCard, Upgrade)
"""Each of the first three begins where the one before left the card, and the third and the last with the
machine that still runs."""


def load_tests(loader, _tests, _pattern):
    """The order is the story."""
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in STORY)
