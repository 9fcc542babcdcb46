# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What the Python programs of the matrix share: their arguments, and a line for what came of each case.

Usage of every such program: PROGRAM tcp|websockets|unix PORT-OR-PATH 3.1|3.1.1|5.0 USER PASSWORD
It prints `CASE<tab>ok`, `CASE<tab>cannot<tab>WHY` or `CASE<tab>failed<tab>WHY` for each case.
"""

import sys
import traceback

ALL = [
    "round trip",
    "wildcards",
    "order",
    "large message",
    "retained",
    "will",
    "session",
    "refused login",
    "takeover",
    "shared subscription",
]
ONLY_FIVE = [
    "properties",
    "request and response",
    "message expiry",
    "topic alias",
    "subscription identifier",
    "no local",
    "refused publish",
]

TRANSPORT, PLACE, VERSION, USER, PASSWORD = sys.argv[1:6]
HOST = PLACE if TRANSPORT == "unix" else "127.0.0.1"
PORT = 0 if TRANSPORT == "unix" else int(PLACE)
PATIENCE = 20
FIVE = VERSION == "5.0"


class Cannot(Exception):
    """The client library has no way to try this."""


def check(fact, what):
    """Fails the case with `what` unless `fact` is true."""
    if not fact:
        raise AssertionError(what)


def report(name, act):
    """Runs one case and prints its line."""
    try:
        act()
        print(name, "ok", sep="\t", flush=True)
    except Cannot as why:
        print(name, "cannot", why, sep="\t", flush=True)
    except Exception as fault:  # pylint: disable=broad-except
        traceback.print_exc()
        print(name, "failed", f"{type(fault).__name__}: {fault}".replace("\n", " "), sep="\t", flush=True)


def report_all(acts, run=lambda act: act()):
    """Runs every case of this version, each by the function that `acts` has under its name with underscores."""
    for name in ALL + (ONLY_FIVE if FIVE else []):
        report(name, lambda: run(acts[name.replace(" ", "_")]))
