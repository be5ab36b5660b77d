"""A leaf of a manifest that must not be told by its digest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Concealed:
    """What is written on the plane, and what tells its changes instead of it. Both may be outputs.

    Every copy of an object carries a revision that all may read. A digest of the content would let whoever guesses
    a password try the guess there.
    """

    value: Any
    revision: Any


def written(manifest: Any) -> Any:
    """The manifest as the plane gets it."""
    return _each(manifest, shown=False)


def shown(manifest: Any) -> Any:
    """The manifest as its revision is made of it."""
    return _each(manifest, shown=True)


def _each(value: Any, *, shown: bool) -> Any:
    if isinstance(value, Concealed):
        return value.revision if shown else value.value
    if isinstance(value, Mapping):
        return {key: _each(child, shown=shown) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [_each(child, shown=shown) for child in value]
    return value
