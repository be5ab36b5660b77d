"""The figures that are told of what was measured."""

from collections.abc import Iterable


def percentile(values: Iterable[float], percent: int) -> float:
    """The least value that so many of a hundred do not exceed."""
    known = sorted(values)
    return known[max(0, -(-len(known) * percent // 100) - 1)]
