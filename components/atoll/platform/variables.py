"""Variables in manifests: `${name}` in a value stands for a variable, `$${` for the text `${`. Pure.

A value that is nothing but `${name}` becomes what the variable is, also a list or a map; inside a longer text
the variable must be text, a number or true/false. `${a.b}` looks into a map.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from atoll.platform.problems import shown
from atoll.platform.tree import Path

_TOKEN = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MISSING = object()


@dataclass
class Rendering:
    """Fills variables into values. What cannot be filled in stays as it is and is noted by the value's path."""

    scope: Mapping[str, Any]
    faults: list[tuple[Path, str]] = field(default_factory=list)
    """What is wrong whatever the variables are."""
    undefined: list[tuple[Path, str]] = field(default_factory=list)
    """The names that the scope does not have."""

    def of(self, value: Any, path: Path = ()) -> Any:
        """The value with its variables filled in."""
        if isinstance(value, Mapping):
            return {key: self.of(child, (*path, key)) for key, child in value.items()}
        if isinstance(value, list):
            return [self.of(child, (*path, index)) for index, child in enumerate(value)]
        return self._text(value, path) if isinstance(value, str) else value

    def _text(self, text: str, path: Path) -> Any:
        whole = _TOKEN.fullmatch(text)
        if whole and whole.group(1) is not None:
            return self._whole(whole, path)
        return _TOKEN.sub(lambda token: self._inside(token, path), text)

    def _whole(self, token: re.Match[str], path: Path) -> Any:
        value = self._lookup(token, path)
        if value is None:
            # Neither a server-side apply nor a patch through the engine keeps a null.
            self.faults.append((path, f"found {token.group()!r} to be nothing; expected a value"))
        return token.group() if value is _MISSING or value is None else value

    def _inside(self, token: re.Match[str], path: Path) -> str:
        if token.group(1) is None:
            return "${"
        value = self._lookup(token, path)
        if value is _MISSING:
            return token.group()
        if value is None or isinstance(value, (Mapping, list)):
            expected = "text, a number or true/false, since it stands inside a text"
            self.faults.append((path, f"found {token.group()!r} to be {shown(value)}; expected {expected}"))
            return token.group()
        return value if isinstance(value, str) else json.dumps(value)

    def _lookup(self, token: re.Match[str], path: Path) -> Any:
        name, end = token.groups()
        steps = name.split(".")
        if not end or not all(map(NAME.fullmatch, steps)):
            expected = "${name}, or $${ for the text itself"
            self.faults.append((path, f"found {token.group()!r}; expected {expected}"))
            return _MISSING
        value: Any = self.scope
        for step in steps:
            if not isinstance(value, Mapping) or step not in value:
                self.undefined.append((path, name))
                return _MISSING
            value = value[step]
        return value


def names(scope: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Every name that can be asked for, with those inside maps."""
    for key, value in scope.items():
        yield above + key
        if isinstance(value, Mapping):
            yield from names(value, f"{above}{key}.")


def problems(scope: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    """What is wrong with declared variables: a name that cannot be asked for, a value that asks for another."""
    for name in scope:
        if not NAME.fullmatch(name):
            expected = "a variable's name: letters, digits and _, no digit first"
            yield (*path, name), f"found {shown(name)}; expected {expected}"
    rendering = Rendering({})
    rendering.of(scope, path)
    yield from rendering.faults
    for where, name in rendering.undefined:
        expected = "a plain value, since no variable is made of others ($${ for the text itself)"
        yield where, f"found '${{{name}}}'; expected {expected}"


def settled(scope: Mapping[str, Any]) -> dict[str, Any]:
    """Declared variables as they are filled in: `$${` is undone."""
    found: dict[str, Any] = Rendering({}).of(scope)
    return found
