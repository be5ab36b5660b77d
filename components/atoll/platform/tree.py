"""YAML as a tree that remembers where each value was written, and layers of such trees. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]
"""The way to a value: keys of maps and indices of lists."""


@dataclass(frozen=True, order=True)
class Mark:
    """A line of a layer; marks sort in file order, the layer below first."""

    layer: int
    line: int
    file: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Node:
    """A value of a layer: a scalar, a map or a list of nodes. `mark` is where its key or list item begins."""

    value: Any
    mark: Mark


def plain(node: Node) -> Any:
    """The value without its marks."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    return node.value


def over(base: Node, layer: Node) -> Node:
    """The base with a layer over it: maps merge, everything else is replaced; each leaf keeps its own mark."""
    if not (isinstance(base.value, dict) and isinstance(layer.value, dict)):
        return layer
    merged = dict(base.value)
    for key, child in layer.value.items():
        merged[key] = over(base.value[key], child) if key in base.value else child
    return Node(merged, layer.mark)


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Plain maps over each other, the later wins, as `over` has it."""
    found: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, Mapping) and isinstance(found.get(key), Mapping)
            found[key] = merged(found[key], value) if both else value
    return found


def mark(node: Node, path: Path) -> Mark:
    """Where a path was written, or the nearest thing above it that was."""
    for step in path:
        child = _child(node.value, step)
        if child is None:
            break
        node = child
    return node.mark


def _child(value: Any, step: str | int) -> Node | None:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        found: Node = value[step]
        return found
    return None


def dotted(path: Sequence[str | int]) -> str:
    """A path as people read it: `clusters.lagoon.groups[0]`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{_one_line(step)}" for step in path)[1:]


def _one_line(key: str) -> str:
    return key if key.isprintable() else repr(key)
