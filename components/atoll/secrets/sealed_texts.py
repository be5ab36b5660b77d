"""Sealed values in the text of YAML: where they stand, and the same text with others in their places. Pure.

Whatever else is in the text stays as it is written: comments, order, quotes, line ends.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from atoll.secrets import sealed
from atoll.secrets.headers import Header

_BASE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BOM = "\ufeff"
_QUOTES = frozenset({"'", '"'})
_BLOCKS = frozenset({"|", ">"})
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)+")


@dataclass(frozen=True)
class Place:
    """A sealed value: its text as YAML reads it, what its header tells, and from where to where (characters) it stands."""

    told: str
    header: Header
    start: int
    end: int
    style: str | None


def places(text: str) -> list[Place]:
    """Every sealed value of a text, in its order.

    Raises:
        ValueError: the text is no YAML.
    """
    return [place for event in _events(text) if (place := _place(event))]


def replaced(text: str, values: Mapping[Place, str]) -> str:
    """The text with other values (one line of base64 each) in some places.

    Raises:
        ValueError: they cannot be put there so that YAML reads them, and nothing else otherwise.
    """
    bom, bare = _parted(text)
    parts, rest = [], 0
    for place in sorted(values, key=lambda each: each.start):
        parts += [bare[rest : place.start], _written(bare[place.start : place.end], place, values[place])]
        rest = place.end
    found = bom + "".join(parts) + bare[rest:]
    starts = {place.start: told for place, told in values.items()}
    wanted = [_meaning(event, starts.get(event.start_mark.index)) for event in _events(text)]
    if [_meaning(event) for event in _events(found)] != wanted:
        raise ValueError("not the same elsewhere")
    return found


def _written(was: str, place: Place, told: str) -> str:
    """What stands in the place then; an anchor or a tag before the value is part of it."""
    bare = was[found.end() :] if (found := _PROPERTIES.match(was)) else was
    return was[: len(was) - len(bare)] + _styled(bare, place, told)


def _styled(was: str, place: Place, told: str) -> str:
    if place.style in _QUOTES:
        return f"{was[0]}{told}{was[-1]}"
    if place.style not in _BLOCKS:
        return told
    head, _, content = was.partition("\n")
    indentation = content[: len(content) - len(content.lstrip(" "))]
    return f"{head}\n{indentation}{told}{was[len(was.rstrip()) :]}"


def _place(event: Any) -> Place | None:
    told = getattr(event, "value", None)
    if not isinstance(told, str) or len(told) < sealed.SHORTEST:
        return None
    header = sealed.header(told)
    if header is None:
        return None
    return Place(told, header, event.start_mark.index, event.end_mark.index, event.style)


def _meaning(event: Any, told: str | None = None) -> tuple[Any, ...]:
    """What an event of the parser means, or would with another value; spaces around a text say nothing here."""
    value = told or getattr(event, "value", None)
    return (type(event), getattr(event, "anchor", None), getattr(event, "tag", None), value and value.strip())


def _events(text: str) -> Iterator[Any]:
    _, bare = _parted(text)
    try:
        yield from yaml.parse(bare, Loader=_BASE)
    except yaml.YAMLError as error:
        raise ValueError("no YAML") from error


def _parted(text: str) -> tuple[str, str]:
    bare = text.removeprefix(_BOM)
    return text[: len(text) - len(bare)], bare
