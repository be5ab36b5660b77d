"""How long a large inventory takes to read and to show: `python -m bench.inventories`.

A thousand clusters in a hundred groups of ten, each with values of its own, its groups' and the environment's.
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from atoll.core import command

_ATOLL = Path(sys.executable).parent / "atoll"
_CLUSTERS = int(os.environ.get("ATOLL_BENCH_CLUSTERS", "1000"))
_ROUNDS = 5
"""How often each is repeated; the median is told."""


def main() -> None:
    """Prints one line for each way to ask."""
    with tempfile.TemporaryDirectory(prefix="atoll-bench-") as folder:
        place = Path(folder)
        (place / "Pulumi.yaml").write_text("name: atoll\nruntime: python\n")
        (place / "stacks").mkdir()
        (place / "stacks" / "large.yaml").write_text(yaml.safe_dump(_declared(), sort_keys=False))
        for words in (
            ["show", "large"],
            ["show", "large", "--cluster", "cluster-7"],
            ["show", "large", "--json"],
        ):
            seconds = sorted(_seconds(place, words) for _ in range(_ROUNDS))[_ROUNDS // 2]
            print(f"atoll inventory {' '.join(words)}, {_CLUSTERS} clusters: {seconds:.1f} s", flush=True)


def _seconds(place: Path, words: list[str]) -> float:
    begin = time.monotonic()
    command.run([_ATOLL, "inventory", *words], env=dict(os.environ), cwd=place)
    return time.monotonic() - begin


def _declared() -> dict[str, Any]:
    names = [f"cluster-{number}" for number in range(_CLUSTERS)]
    return {
        "controlPlane": {"driver": "local"},
        "vars": {"tier": "city", "size": 1},
        "groups": {
            f"group-{first // 10}": {"clusters": names[first : first + 10], "vars": {"size": first}}
            for first in range(0, _CLUSTERS, 10)
        },
        "clusters": {
            name: {"driver": "local", "nodes": 1, "vars": {"number": number}}
            for number, name in enumerate(names)
        },
    }


if __name__ == "__main__":
    main()
