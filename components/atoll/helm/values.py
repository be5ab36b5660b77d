"""A chart's values in layers: maps merge, everything else is taken from the last that says it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from atoll.core.errors import ArgsError

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def merged(layers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The values of all layers; a later one wins, and its null stands (helm takes a default away by it)."""
    found: dict[str, Any] = {}
    for layer in layers:
        _merge(found, layer)
    return found


def _merge(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    for key, value in above.items():
        under = below.get(key)
        if isinstance(under, dict) and isinstance(value, Mapping):
            _merge(under, value)
        else:
            below[key] = _copied(value)


def _copied(value: Any) -> Any:
    """A copy whose containers are its own; leaves may be outputs of Pulumi, which nobody can copy."""
    if isinstance(value, Mapping):
        return {key: _copied(entry) for key, entry in value.items()}
    return [_copied(entry) for entry in value] if isinstance(value, list | tuple) else value


def parsed(text: str, source: str) -> dict[str, Any]:
    """The values in a YAML text; nothing is none.

    Raises:
        ArgsError: it is no YAML, or no map.
    """
    try:
        found = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader, the fast one where it is built
    except yaml.YAMLError as error:
        # The parser's own words quote the text, which may be secret.
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise ArgsError(f"{source}: found no YAML{where}; expected values") from error
    if not isinstance(found, dict | None):
        raise ArgsError(f"{source}: found no map; expected values by their names")
    return found or {}
