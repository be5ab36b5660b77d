"""What changed between two property maps, by property path. Pure.

Source: property paths as in sdk/go/common/resource/property_path.go of pulumi/pulumi.
"""

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any

from atoll.provider import protocol, values

_QUOTED = frozenset('."[]')


class Change(Enum):
    """What became of a property."""

    ADD = "ADD"
    DELETE = "DELETE"
    UPDATE = "UPDATE"


def changes(old: Any, new: Any, path: values.Path = ()) -> Iterator[tuple[values.Path, Change]]:
    """The paths at which two values differ, leaf by leaf."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _entry(key in old, key in new, old.get(key), new.get(key), (*path, key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else None
            after = new[index] if index < len(new) else None
            yield from _entry(index < len(old), index < len(new), before, after, (*path, index))
    elif old != new:
        yield path, Change.UPDATE


def _entry(
    in_old: bool,  # noqa: FBT001 - both stand side by side
    in_new: bool,  # noqa: FBT001 - the same
    old: Any,
    new: Any,
    path: values.Path,
) -> Iterator[tuple[values.Path, Change]]:
    if in_old and in_new:
        yield from changes(old, new, path)
    else:
        yield path, Change.ADD if in_new else Change.DELETE


def text(path: values.Path) -> str:
    """A path as the engine writes it: `a.b[0]["c.d"]`."""
    written = ""
    for part in path:
        if isinstance(part, int):
            written += f"[{part}]"
        elif _QUOTED & set(part):
            escaped = part.replace("\\", "\\\\").replace('"', '\\"')
            written += f'["{escaped}"]'
        else:
            written += f".{part}" if written else part
    return written


def response(
    found: Iterable[tuple[values.Path, Change, bool]],
    *,
    delete_first: bool,
    outputs: Iterable[str] | None = None,
) -> Any:
    """The answer to Diff: each change with whether it needs a new resource.

    `outputs` are properties that change though no input does; an empty list is an update that shows in none. The
    engine may replace what we would not (replace_on_changes), so `delete_first` tells the order for whatever
    replaces.
    """
    listed, stale = list(found), outputs is not None
    shown = set(outputs or ())
    kinds = protocol.provider.PropertyDiff
    detail = {
        text(path): kinds(
            kind=kinds.Kind.Value(change.value + ("_REPLACE" if replaces else "")), inputDiff=True
        )
        for path, change, replaces in listed
    }
    detail |= {name: kinds(kind=kinds.UPDATE, inputDiff=False) for name in shown}
    answers = protocol.provider.DiffResponse
    return answers(
        changes=answers.DIFF_SOME if detail or stale else answers.DIFF_NONE,
        replaces=[text(path) for path, _, replaces in listed if replaces],
        deleteBeforeReplace=delete_first,
        detailedDiff=detail,
        hasDetailedDiff=True,
        diffs=sorted({str(path[0]) for path, _, _ in listed} | shown),
    )
