"""What `bench.sync` measured, as a table in README between its marks: `python -m bench.table`."""

import json
import statistics
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bench import sync

_README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- bench.sync: begin -->", "<!-- bench.sync: end -->"
CHANGES = ("first", "unchanged", "changed", "one policy", "one RBAC change")
_P50, _P95 = 50, 95


def text(result: Mapping[str, Any]) -> str:
    """The table, with what it was measured on."""
    found: list[Mapping[str, Any]] = result["measured"]
    head = ["way", *CHANGES]
    body = [[way, *(_cell(found, way, change) for change in CHANGES)] for way in _ways(found)]
    lines = [head, ["---"] * len(head), *body]
    return "\n".join([*_above(result), "", *(f"| {' | '.join(line)} |" for line in lines)])


def placed(readme: str, table: str) -> str:
    """A text with the table between its marks.

    Raises:
        ValueError: it has no marks.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"found no {BEGIN} and {END}; expected both")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def percentile(values: Iterable[float], percent: int) -> float:
    """The least value that so many of a hundred do not exceed."""
    known = sorted(values)
    return known[max(0, -(-len(known) * percent // 100) - 1)]


def _above(result: Mapping[str, Any]) -> Iterator[str]:
    loads = [each["load"] for each in result["measured"]]
    yield (
        f"Seconds of the command, medians of up to {result['rounds']} interleaved rounds on {result['clusters']} lean "
        f"clusters, {result['date']}; in brackets P50 and P95 over clusters from its start until a cluster had the change; "
        f"then processor seconds of the command + of all servers. The load average was {min(loads):.0f} to {max(loads):.0f}."
    )


def _ways(found: Iterable[Mapping[str, Any]]) -> list[str]:
    """Those that were measured, the slowest first sync at the top."""
    seconds: dict[str, list[float]] = {}
    for each in found:
        if each["change"] == CHANGES[0]:
            seconds.setdefault(each["way"], []).append(each["seconds"])
    return sorted(seconds, key=lambda way: -statistics.median(seconds[way]))


def _cell(found: Iterable[Mapping[str, Any]], way: str, change: str) -> str:
    chosen = [each for each in found if (each["way"], each["change"]) == (way, change)]
    if not chosen:
        return "-"
    failed = any(each["error"] or each["missing"] for each in chosen)
    seconds, client, servers = (
        statistics.median(each[key] for each in chosen) for key in ("seconds", "client", "servers")
    )
    effects = [at for each in chosen for at in each["effect"].values()]
    heard = f" ({percentile(effects, _P50):.2f}, {percentile(effects, _P95):.2f})" if effects else ""
    return f"{seconds:.2f}{heard}; {client:.1f} + {servers:.1f}{' failed' if failed else ''}"


def main() -> None:
    """Writes it."""
    table = text(json.loads(sync.RESULT.read_text()))
    _README.write_text(placed(_README.read_text(), table))


if __name__ == "__main__":
    main()
