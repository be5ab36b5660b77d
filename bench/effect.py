"""From write to effect, change after change: one policy, and one rule of RBAC, on many clusters.

Run: .venv/bin/python -m bench.effect [COUNT [CHANGES [WAY ...]]]

A change of either kind goes to all clusters, as a bundle and by the bare process that keeps its connections, one after the
other; a WAY is how the names of those begin that are measured. Printed are the seconds from the write until a cluster
has it (for RBAC: until it answers otherwise), over all clusters and changes.
"""

import sys
from collections.abc import Iterator, Sequence

from bench import fleet, policies, ways
from bench.figures import percentile
from bench.policies import Revision
from bench.sync import Measured, Run
from bench.ways import Way

_COUNT, _CHANGES = 17, 100
KINDS = ("one policy", "one RBAC change")


def measured(ground: fleet.Fleet, way: Way, changes: int) -> Iterator[Measured]:
    """The first sync, then so many changes of each kind."""
    run, old = Run(ground), Revision(1)
    yield run.step(0, way, "first", None, old)
    for number in range(1, changes + 1):
        for kind in KINDS:
            new = (
                old.with_policy(1 + number % policies.PORTS)
                if kind == KINDS[0]
                else old.with_rule(f"r{number}")
            )
            yield run.step(number, way, kind, old, new)
            old = new


def line(way: Way, kind: str, found: Sequence[Measured]) -> str:
    """What a kind of change took: seconds at the median, for the slowest twentieth, and at most."""
    seconds = sorted(at for each in found if each.change == kind for at in each.effect.values())
    missing = sum(len(each.missing) for each in found)
    return (
        f"{way.name:<40} {kind:<16} {len(seconds):5} effects  P50 {percentile(seconds, 50):5.2f}  "
        f"P95 {percentile(seconds, 95):5.2f}  max {seconds[-1]:5.2f} s  missing {missing}"
    )


def main(words: Sequence[str]) -> None:
    """Prints a line for each way and kind; `words` are the number of clusters, that of changes, ways."""
    given = [int(word) for word in words[:2]]
    count, changes = [*given, *(_COUNT, _CHANGES)[len(given) :]]
    with fleet.made(count) as ground:
        ground.declare([])
        fleet.timed(ground.up, ground)
        chosen = tuple(words[2:]) or ("",)
        for way in (each for each in ways.resident(ground) if each.name.startswith(chosen)):
            found = list(measured(ground, way, changes))
            for kind in KINDS:
                print(line(way, kind, found), flush=True)
            way.end()


if __name__ == "__main__":
    main(sys.argv[1:])
