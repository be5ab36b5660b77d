"""What a lean member costs: seconds and memory for each that is added. `python -m bench.growth [COUNT ...]`.

Members join the same fleet, step by step; Karmada is the same process all the time. Programs must be built. The result is
bench/growth.json; `python -m bench.table` writes it into README.
"""

import itertools
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from atoll.cluster.local import lean
from bench import fleet

RESULT = Path(__file__).parent / "growth.json"
_COUNTS = (1, 4, 8, 17, 32)
_SETTLE = 10
"""Seconds after which memory is looked at: a server that just began has more than it keeps."""
_PLANE = "control-plane."


@dataclass(frozen=True)
class Row:
    """What it was like with so many members: `seconds` of the `up` that added them, the rest in MiB."""

    members: int
    added: int
    seconds: float
    member_rss: float
    member_pss: float
    store_rss: float
    plane_rss: float


def rows(counts: Sequence[int]) -> Iterator[Row]:
    """A row for each number of members."""
    with fleet.made(max(counts)) as ground:
        for before, count in itertools.pairwise([0, *counts]):
            ground.declare([], count)
            seconds = fleet.timed(ground.up, ground)
            time.sleep(_SETTLE)
            yield _row(ground, count, count - before, seconds)


def _row(ground: fleet.Fleet, count: int, added: int, seconds: float) -> Row:
    taken = ground.taken()
    members = [each for name, each in taken.items() if name.partition(".")[0] in ground.members]
    store = sum(each.rss for name, each in taken.items() if name.startswith(f"{lean.STORE}."))
    plane = sum(each.rss for name, each in taken.items() if name.startswith(_PLANE))
    rss, pss = (sum(getattr(each, kind) for each in members) / len(members) for kind in ("rss", "pss"))
    return Row(count, added, seconds, rss, pss, store, plane)


def main() -> None:
    """Prints one line for each number of members."""
    found = []
    print("members  added  up: s  s/added  member RSS  member PSS  store RSS  plane RSS (MiB)")
    for row in rows([int(word) for word in sys.argv[1:]] or _COUNTS):
        found.append(asdict(row))
        print(
            f"{row.members:7} {row.added:6} {row.seconds:6.1f} {row.seconds / row.added:8.2f} {row.member_rss:11.0f} "
            f"{row.member_pss:11.0f} {row.store_rss:10.0f} {row.plane_rss:10.0f}",
            flush=True,
        )
    RESULT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
