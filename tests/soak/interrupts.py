"""SIGINT, SIGTERM and SIGKILL of `atoll up`, each at moments spread over the whole of a run: lock, state and next run."""

import random
import signal
import time

from e2e import interrupting
from e2e.interrupting import ENDED_BY, Course
from soak.findings import Findings


def run(findings: Findings, *, rounds: int, seed: int, keep: bool = False) -> None:
    """As many moments of each signal as there are rounds."""
    with interrupting.made(keep=keep) as course:
        strike(course, findings, random.Random(seed), rounds)


def strike(course: Course, findings: Findings, chance: random.Random, rounds: int) -> None:
    """The loop, on an environment that is up: each moment is a random one of its own part of a run."""
    lasts = course.lasts()
    findings.note("seconds of an undisturbed run", f"{lasts:.1f}")
    total = rounds * len(ENDED_BY)
    for number in range(total):
        moment, kind = divmod(number, len(ENDED_BY))
        sent = list(ENDED_BY)[kind]
        after = lasts * (moment + chance.random()) / rounds
        with findings.round(f"{sent.name} after {after:.2f} s", number, total):
            _round(course, findings, sent, after)


def _round(course: Course, findings: Findings, sent: signal.Signals, after: float) -> None:
    begin = time.monotonic()
    hit, _ = course.struck(sent, after)
    findings.measure(f"{sent.name}: found it at work", float(hit))
    findings.measure(f"{sent.name}: seconds from signal to end", time.monotonic() - begin - after)
    begin = time.monotonic()
    course.goes_on()
    findings.measure(f"{sent.name}: seconds of the next run and one more", time.monotonic() - begin)
