"""What `bench.sync` and `bench.growth` measured, as tables in README between their marks, and as charts: `python -m bench.table`."""

import json
import statistics
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from atoll.core import command
from bench import figures, growth, others, sync

_HERE = Path(__file__).parent
_README = _HERE.parent / "README.md"
_MARK = "<!-- bench.{}: {} -->"
CHANGES = ("first", "unchanged", "changed", "one policy", "one RBAC change")
_P50, _P95 = 50, 95


def text(result: Mapping[str, Any]) -> str:
    """The table, with what it was measured on."""
    found: list[Mapping[str, Any]] = result["measured"]
    head = ["way", *CHANGES]
    body = [[way, *(_cell(found, way, change) for change in CHANGES)] for way in _ways(found)]
    lines = [head, ["---"] * len(head), *body]
    return "\n".join([*_above(result), "", *(f"| {' | '.join(line)} |" for line in lines)])


def grown(rows: Iterable[Mapping[str, float]]) -> str:
    """The table of what each member more costs."""
    columns = {
        "fleet": ("members", "{:.0f} members"),
        "`up` that added the last ones: s": ("seconds", "{:.1f}"),
        "s for each added": ("each", "{:.2f}"),
        "a member: MiB resident": ("member_rss", "{:.0f}"),
        "but for what it shares": ("member_pss", "{:.0f}"),
        "their store": ("store_rss", "{:.0f}"),
        "the plane": ("plane_rss", "{:.0f}"),
    }
    told = [[form.format(_of_each(row)[key]) for key, form in columns.values()] for row in rows]
    lines = [list(columns), ["---"] * len(columns), *told]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def placed(readme: str, name: str, table: str) -> str:
    """A text with a table between the marks of a name.

    Raises:
        ValueError: it has no marks.
    """
    begin, end = (_MARK.format(name, word) for word in ("begin", "end"))
    before, first, rest = readme.partition(begin)
    _, last, after = rest.partition(end)
    if not (first and last):
        raise ValueError(f"found no {begin} and {end}; expected both")
    return f"{before}{begin}\n{table}\n{end}{after}"


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
    heard = (
        f" ({figures.percentile(effects, _P50):.2f}, {figures.percentile(effects, _P95):.2f})"
        if effects
        else ""
    )
    return f"{seconds:.2f}{heard}; {client:.1f} + {servers:.1f}{' failed' if failed else ''}"


def _compared(result: Mapping[str, Any]) -> dict[str, Any]:
    """What each way took for each change, to be drawn."""
    found: list[Mapping[str, Any]] = result["measured"]
    series = {
        way: {
            change: statistics.median(seconds)
            for change in CHANGES
            if (
                seconds := [
                    each["seconds"] for each in found if (each["way"], each["change"]) == (way, change)
                ]
            )
        }
        for way in _ways(found)
    }
    title = f"Twenty policies to {result['clusters']} clusters, {result['date']}"
    return {"kind": "bars", "title": title, "y": "seconds of the command", "series": series}


def _of_each(row: Mapping[str, float]) -> dict[str, float]:
    """A row with what each member added took of it, and what each has of the store."""
    return {**row, "each": row["seconds"] / row["added"], "store_each": row["store_rss"] / row["members"]}


def _growing(rows: Iterable[Mapping[str, float]]) -> dict[str, Any]:
    """What a member more took, against what one took in the first step, to be drawn."""
    told = [_of_each(row) for row in rows]
    names = {
        "each": "seconds for each added",
        "member_rss": "memory of a member",
        "store_each": "its part of the store",
    }
    series = {
        name: {f"{row['members']:.0f}": row[key] / told[0][key] for row in told}
        for key, name in names.items()
    }
    return {
        "kind": "lines",
        "title": "A member more",
        "x": "members",
        "y": "against the first step",
        "series": series,
    }


def _drawn(name: str, drawing: dict[str, Any]) -> str:
    """Draws it beside this file; returns how README shows it."""
    image = _HERE / f"{name}.svg"
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({**drawing, "out": str(image)}, file)
        file.flush()
        command.run([others.python(others.DRAWING), _HERE / "drawn.py", file.name])
    return f"![{drawing['title']}](bench/{image.name})"


def main() -> None:
    """Writes what there is."""
    for name, result, told, drawing in (
        ("sync", sync.RESULT, text, _compared),
        ("growth", growth.RESULT, grown, _growing),
    ):
        if result.exists():
            found = json.loads(result.read_text())
            shown = f"{_drawn(name, drawing(found))}\n\n{told(found)}"
            _README.write_text(placed(_README.read_text(), name, shown))


if __name__ == "__main__":
    main()
