"""Objects of which some leaves are known later: rendered twice with different stand-ins, what differs is what waits. Pure.

A checksum over a value differs too, so that nothing has to be known of the chart.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from atoll.core.errors import ArgsError

Path = tuple[str | int, ...]
Objects = Sequence[Mapping[str, Any]]
_NAMES = (("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace"))
"""What tells an object from others."""
_SHOWN = 3


def later(first: Objects, second: Objects, where: str) -> frozenset[Path]:
    """The paths of the leaves that differ between two renderings of one chart; `where` begins an error.

    Raises:
        ArgsError: more than leaves differs, or what an object is called.
    """
    one, other = _leaves(first), _leaves(second)
    found = frozenset(path for path in one.keys() & other.keys() if one[path] != other[path])
    named = [path for path in found if path[1:] in _NAMES]
    shape = one.keys() ^ other.keys()
    if named or shape:
        told = _told(first, min(named or shape, key=str))
        raise ArgsError(
            f"{where}: found {told} to depend on what an image is called; expected its texts alone to. "
            "Give the chart a value of its own for it"
        )
    return found


def expected(objects: Objects, late: frozenset[Path]) -> list[list[Any]]:
    """What a rendering has to be like, as JSON takes it: [path, leaf, whether it may be another] of each."""
    return [[list(path), leaf, path in late] for path, leaf in sorted(_leaves(objects).items(), key=str)]


def differing(wanted: Sequence[Sequence[Any]], objects: Objects) -> str:
    """The leaves of a rendering that are not as `expected` says, the first few by name; empty where there are none."""
    found = _leaves(objects)
    known = {tuple(path): (leaf, may_differ) for path, leaf, may_differ in wanted}
    paths = list(known.keys() ^ found.keys())
    paths += [
        path
        for path, (leaf, may_differ) in known.items()
        if path in found and found[path] != leaf and not may_differ
    ]
    told = [_told(objects, path) for path in sorted(paths, key=str)]
    return ", ".join(told[:_SHOWN]) + (f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else "")


def woven(objects: Objects, late: frozenset[Path], leaf: Callable[[Path], Any]) -> list[dict[str, Any]]:
    """The objects, with what `leaf` gives in place of those that are known later."""

    def of(value: Any, path: Path) -> Any:
        if path in late:
            return leaf(path)
        if isinstance(value, Mapping):
            return {key: of(child, (*path, key)) for key, child in value.items()}
        if isinstance(value, (list, tuple)):
            return [of(child, (*path, index)) for index, child in enumerate(value)]
        return value

    found: list[dict[str, Any]] = of(list(objects), ())
    return found


def at(objects: Any, path: Path) -> Any:
    """The leaf at a path."""
    for step in path:
        objects = objects[step]
    return objects


def _leaves(objects: Objects) -> dict[Path, Any]:
    return dict(_each(list(objects), ()))


def _each(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """The leaves below a value; a map or list of nothing is one."""
    if isinstance(value, Mapping) and value:
        for key, child in value.items():
            yield from _each(child, (*path, key))
    elif isinstance(value, (list, tuple)) and value:
        for index, child in enumerate(value):
            yield from _each(child, (*path, index))
    else:
        yield path, value


def _told(objects: Objects, path: Path) -> str:
    """A leaf as people call it."""
    index = path[0] if path else 0
    if not isinstance(index, int) or index >= len(objects):
        return "an object"
    each = objects[index]
    return f"{each['kind']} {each['metadata']['name']} {'.'.join(map(str, path[1:]))}"
