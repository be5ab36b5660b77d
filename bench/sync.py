"""Twenty policies to many clusters, by Atoll and by others, in one interleaved run.

Run: .venv/bin/python -m bench.sync [COUNT [ROUNDS [WAY ...]]]

In each round each way writes the policies first into clusters that have none, then again without a change, then
with a change in each, in one policy, and in one rule of RBAC; the order of the ways moves on with each round. For
each change a probe tells when each cluster has it, for RBAC when the cluster answers otherwise. A WAY is how the
names of those begin that are measured, all unless given. The result is bench/sync.json; `python -m bench.table`
writes it into README.
"""

import contextlib
import functools
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from atoll.core import command
from atoll.core.errors import CommandError
from bench import fleet, others, policies, ways
from bench.fleet import Fleet
from bench.policies import Manifest, Revision
from bench.ways import Change, Way

RESULT = Path(__file__).parent / "sync.json"
_COUNT, _ROUNDS = 17, 3
_LIMIT = 900.0
_AFTER = 30.0
"""Seconds that a cluster may need once the command has ended."""
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Measured:
    """One way, one change: seconds of the command, processor seconds of it and of all servers meanwhile.

    `effect` are, for each cluster, the seconds from the command's start until it had the change; those that never had it
    are `missing`. `load` is the machine's load average before.
    """

    round: int
    way: str
    change: str
    seconds: float
    client: float
    servers: float
    load: float
    effect: dict[str, float] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    error: str = ""


class Run:
    """One run on a fleet that is up."""

    def __init__(self, ground: Fleet) -> None:
        self._ground, self._python = ground, others.python()

    def measured(self, rounds: int, chosen: Sequence[str]) -> Iterator[Measured]:
        """Every measurement, round by round, of the ways whose names begin with a chosen word."""
        known = [each for each in ways.all_ways(self._ground) if each.name.startswith(tuple(chosen))]
        for number in range(1, rounds + 1):
            start = number % len(known)
            for way in [*known[start:], *known[:start]]:
                if number <= way.rounds:
                    yield from self._way(number, way)

    def _way(self, number: int, way: Way) -> Iterator[Measured]:
        first, changed = Revision(2 * number), Revision(2 * number + 1)
        steps = [
            ("first", None, first),
            ("unchanged", first, first),
            ("changed", first, changed),
            ("one policy", changed, changed.with_policy(1)),
            ("one RBAC change", changed.with_policy(1), changed.with_policy(1).with_rule(f"r{number}")),
        ]
        for name, old, new in steps:
            yield self.step(number, way, name, old, new)
        self._clear(way, steps[-1][2])

    def step(self, number: int, way: Way, name: str, old: Revision | None, new: Revision) -> Measured:
        """One change, from what there is (None: nothing) to what is to be."""
        differing = policies.objects(new) if old is None else policies.differing(old, new)
        change = Change(new, differing or policies.objects(new))
        argv, load = way.argv(change), os.getloadavg()[0]
        with self._probed(differing, new.rule) as heard, _ready(way, argv, self._ground) as (go, earlier):
            before, servers, begin = _spent(), self._ground.cpu(), time.monotonic()
            error = go()
            seconds = time.monotonic() - begin
            client, servers = _spent() - before - earlier, self._ground.cpu() - servers
        found = heard[0] if heard else {"at": {}, "missing": []}
        effect = {each: round(at - begin, 3) for each, at in found["at"].items()}
        spent = (round(seconds, 3), round(client, 2), round(servers, 2))
        return Measured(number, way.name, name, *spent, load, effect, found["missing"], error)

    @contextlib.contextmanager
    def _probed(self, wanted: list[Manifest], rule: str) -> Iterator[list[Any]]:
        """Listens meanwhile; what it heard is in the list after the block. What does not change is not listened for."""
        heard: list[Any] = []
        if not wanted:
            yield heard
            return
        told = {
            "objects": [policies.located(each) for each in wanted],
            "fields": policies.FIELDS,
            "label": policies.LABEL,
            "review": policies.allowed(rule) if rule else None,
        }
        argv = [
            self._python,
            _HERE / "probe.py",
            self._ground.targets(),
            self._ground.written("wanted.json", told),
        ]
        with subprocess.Popen(
            [*argv, str(_LIMIT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as probe:
            _expect_ready(probe)
            yield heard
            # It ends by itself once all have it; the rest is not waited for until the end of time.
            with contextlib.suppress(subprocess.TimeoutExpired):
                probe.wait(_AFTER)
            if probe.poll() is None:
                probe.terminate()
            heard.append(json.loads(_line(probe)))

    def _clear(self, way: Way, last: Revision) -> None:
        """Takes what a way wrote out of all clusters."""
        way.end()
        command.run(ways.removal(self._ground, policies.objects(last)))


@contextlib.contextmanager
def _ready(way: Way, argv: ways.Argv, ground: Fleet) -> Iterator[tuple[Callable[[], str], float]]:
    """Gives what runs the command to its end and returns what went wrong, and what it has spent before that.

    A resident one is started before.
    """
    if not way.resident:
        yield functools.partial(_fresh, way, argv, ground), 0.0
        return
    words = [*map(str, argv)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, cwd=_HERE.parent) as process:
        _expect_ready(process)

        def go() -> str:
            process.communicate("go\n", timeout=_LIMIT)
            return "" if process.returncode == 0 else f"exit code {process.returncode}"

        yield go, sum(psutil.Process(process.pid).cpu_times()[:2])


def _fresh(way: Way, argv: ways.Argv, ground: Fleet) -> str:
    limit = timedelta(seconds=_LIMIT)
    try:
        command.run(argv, env=way.variables or None, cwd=ground.clone, timeout=limit)
    except CommandError as error:
        return str(error)
    return ""


def _expect_ready(process: subprocess.Popen[str]) -> None:
    if _line(process) != "ready\n":
        raise CommandError(f"{process.args!r}: found no readiness; expected it")


def _line(process: subprocess.Popen[str]) -> str:
    return process.stdout.readline() if process.stdout else ""


def _spent() -> float:
    """Processor seconds of all that this process ran and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(words: Sequence[str]) -> None:
    """Prints a line for each measurement, and keeps all of them; `words` are the number of clusters, that of rounds, ways."""
    given = [int(word) for word in words[:2]]
    count, rounds = [*given, *(_COUNT, _ROUNDS)[len(given) :]]
    found: list[Measured] = []
    with fleet.made(count) as ground:
        ground.declare([])
        fleet.timed(ground.up, ground)
        for each in Run(ground).measured(rounds, words[2:] or [""]):
            found.append(each)
            last = max(each.effect.values(), default=0)
            print(
                f"{each.round} {each.way:<42} {each.change:<16} {each.seconds:7.2f} s  CPU {each.client:6.1f} + "
                f"{each.servers:5.1f}  all have it after {last:6.2f} s  {each.error or each.missing or ''}",
                flush=True,
            )
    at = datetime.now(UTC).date().isoformat()
    told = {"clusters": count, "rounds": rounds, "date": at, "measured": [asdict(each) for each in found]}
    RESULT.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
