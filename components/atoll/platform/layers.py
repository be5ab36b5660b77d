"""Where the nodes of a graph lie, column by column, so that no way runs through one of them. Pure.

A way over several columns gets a place of its own in each column between. The order in a column is that of the middle of a
node's neighbours, swept to and fro; then each lies as near to that middle as order and distances let it.

Source: Sugiyama, Tagawa and Toda, Methods for visual understanding of hierarchical system structures, 1981.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from statistics import fmean

from atoll.platform.graph import Edge, Key, Kind, Node

_SWEEPS = 4
Spot = Hashable
"""The key of a node, or a place on a way (its number, and the column)."""


@dataclass
class Columns:
    """What lies in each column, from top to bottom, and the neighbours of each on both sides."""

    columns: list[list[Spot]]
    ways: list[list[Spot]]
    """For each edge, all that it goes through, its ends included, from left to right."""
    before: dict[Spot, list[Spot]] = field(default_factory=dict)
    after: dict[Spot, list[Spot]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Finds the neighbours."""
        for column in self.columns:
            for spot in column:
                self.before[spot], self.after[spot] = [], []
        for way in self.ways:
            for left, right in pairwise(way):
                self.before[right].append(left)
                self.after[left].append(right)


def columns(nodes: Sequence[Node], edges: Sequence[Edge]) -> Columns:
    """The columns, each in its order. Clusters are all in the last one."""
    at = _depths(nodes, edges)
    made: list[list[Spot]] = [[] for _ in range(1 + max(at.values()))]
    for node in nodes:
        made[at[node.key]].append(node.key)
    ways = []
    for number, edge in enumerate(edges):
        between: list[Spot] = [(number, column) for column in range(at[edge.source] + 1, at[edge.target])]
        for column, spot in enumerate(between, start=at[edge.source] + 1):
            made[column].append(spot)
        ways.append([edge.source, *between, edge.target])
    found = Columns(made, ways)
    for _ in range(_SWEEPS):
        _sort(reversed(found.columns), found.after)
        _sort(found.columns, found.before)
    return found


def heights(found: Columns, sizes: Mapping[Spot, float]) -> dict[Spot, float]:
    """The middle of each from top to bottom, from 0 on; `sizes` is what each takes with the gaps about it."""
    middles: dict[Spot, float] = {}
    for column in found.columns:
        middles |= _spread(column, [0.0] * len(column), sizes)
    for _ in range(_SWEEPS):
        _draw(reversed(found.columns), found.after, middles, sizes)
        _draw(found.columns, found.before, middles, sizes)
    top = min(middle - sizes[spot] / 2 for spot, middle in middles.items())
    return {spot: middle - top for spot, middle in middles.items()}


def _depths(nodes: Sequence[Node], edges: Sequence[Edge]) -> dict[Key, int]:
    """The column of each node: just before the first that it leads to, so that few ways are long."""
    above: dict[Key, list[Key]] = {node.key: [] for node in nodes}
    targets: dict[Key, list[Key]] = {node.key: [] for node in nodes}
    for edge in edges:
        targets[edge.source].append(edge.target)
        if not edge.delivers:
            above[edge.target].append(edge.source)

    @cache
    def soonest(key: Key) -> int:
        return 1 + max((soonest(each) for each in above[key]), default=-1)

    last = 1 + max(soonest(node.key) for node in nodes if node.kind is not Kind.CLUSTER)
    found = {node.key: last for node in nodes if node.kind is Kind.CLUSTER}

    def latest(key: Key) -> int:
        if key not in found:
            found[key] = min((latest(each) - 1 for each in targets[key]), default=soonest(key))
        return found[key]

    return {node.key: latest(node.key) for node in nodes}


def _sort(order: Iterable[list[Spot]], neighbours: Mapping[Spot, list[Spot]]) -> None:
    """Sorts columns by the middle of the neighbours on one side, which were sorted before; who has none stays."""
    ranks: dict[Spot, int] = {}
    for column in order:
        middles = {
            spot: fmean(ranks[each] for each in neighbours[spot]) if neighbours[spot] else float(own)
            for own, spot in enumerate(column)
        }
        column.sort(key=middles.__getitem__)
        ranks |= {spot: rank for rank, spot in enumerate(column)}


def _draw(
    order: Iterable[list[Spot]],
    neighbours: Mapping[Spot, list[Spot]],
    middles: dict[Spot, float],
    sizes: Mapping[Spot, float],
) -> None:
    """Moves what is in the columns towards its neighbours on one side."""
    for column in order:
        wanted = [
            fmean(middles[each] for each in neighbours[spot]) if neighbours[spot] else middles[spot]
            for spot in column
        ]
        middles |= _spread(column, wanted, sizes)


def _spread(
    column: Sequence[Spot], wanted: Sequence[float], sizes: Mapping[Spot, float]
) -> dict[Spot, float]:
    """Puts a column as near to the wanted middles as its order and sizes let it, by least squares.

    That is a regression to what never falls, once each wanted middle is less by what lies above. Source: Ayer and others,
    An empirical distribution function for sampling with incomplete information, 1955 (pool adjacent violators).
    """
    offsets, below = [], 0.0
    for spot in column:
        offsets.append(below + sizes[spot] / 2)
        below += sizes[spot]
    pools: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        total, count = want - offset, 1
        while pools and pools[-1][0] / pools[-1][1] >= total / count:
            other, more = pools.pop()
            total, count = total + other, count + more
        pools.append((total, count))
    levels = [total / count for total, count in pools for _ in range(count)]
    return {spot: level + offset for spot, level, offset in zip(column, levels, offsets, strict=True)}
