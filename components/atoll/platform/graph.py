"""The groups of an environment, their clusters, and what goes where, as a Mermaid flowchart. Pure.

Source: https://mermaid.js.org/syntax/flowchart.html
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from atoll.platform.declaration import Declaration
from atoll.platform.groups import Groups
from atoll.platform.inventory import CONTROL_PLANE, EVERYWHERE, Inventory
from atoll.platform.parsing import parse
from atoll.platform.problems import Problems
from atoll.platform.tree import Node

_GOING = (
    ("propagation", "propagations"),
    ("secret", "sealed_secrets"),
    ("release", "releases"),
)


def mermaid(root: Node, inventory: Inventory) -> str:
    """The flowchart: groups lead to their children and clusters, what is delivered leads to where it goes."""
    declared = parse(root, Problems(root)).declaration
    return "\n".join(["flowchart LR", *(f"  {line}" for line in _lines(declared, inventory))]) + "\n"


def _lines(declared: Declaration, inventory: Inventory) -> Iterator[str]:
    groups = Groups(declared.groups, declared.clusters)
    top = [name for name in declared.groups if not groups.parents[name]]
    loose = [name for name in declared.clusters if not groups.precedence(name)]
    plane = inventory.control_plane.driver
    yield f"{_id(CONTROL_PLANE)}{{{{{_text(CONTROL_PLANE, plane)}}}}}"
    if host := inventory.control_plane.cluster:
        yield f"{_id(CONTROL_PLANE)} -.- {_id('cluster', host)}"
    yield f"{_id(CONTROL_PLANE)} --> {_id('group', EVERYWHERE)}"
    yield f"{_id('group', EVERYWHERE)}([{_text(EVERYWHERE)}])"
    for name, group in declared.groups.items():
        yield f"{_id('group', name)}([{_text(name)}])"
        yield from _edges("group", name, group.children, "group")
    for name in declared.clusters:
        found = inventory.clusters[name]
        place = ", ".join(filter(None, (found.driver, found.region, found.zone)))
        yield f"{_id('cluster', name)}[{_text(name, place)}]"
    yield from _edges("group", EVERYWHERE, top, "group")
    yield from _edges("group", EVERYWHERE, loose, "cluster")
    for name in declared.groups:
        direct = [each for each, cluster in declared.clusters.items() if name in cluster.groups]
        direct += [each for each in declared.groups[name].clusters if each not in direct]
        yield from _edges("group", name, direct, "cluster")
    for kind, section in _GOING:
        found_there: Mapping[str, Any] = getattr(declared, section)
        for name, each in found_there.items():
            yield f"{_id(kind, name)}[/{_text(name, kind)}/]"
            yield from _edges(kind, name, each.groups, "group", "-.->")
            yield from _edges(kind, name, each.clusters, "cluster", "-.->")


def _edges(kind: str, name: str, targets: Iterable[str], of: str, arrow: str = "-->") -> Iterator[str]:
    for target in targets:
        yield f"{_id(kind, name)} {arrow} {_id(of, target)}"


def _id(*words: str) -> str:
    """A node's id: no word of Mermaid's, such as `end`, and no dashes, which are its arrows. Names hold no underscores."""
    return "_".join(("n", *words)).replace("-", "_")


def _text(name: str, more: str = "") -> str:
    """A node's text; names and labels hold no quotes."""
    return f'"{name}<br/>{more}"' if more else f'"{name}"'
