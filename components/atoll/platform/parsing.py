"""A tree becomes a declaration: every value that does not fit is a problem, and what fits goes on. Pure."""

import difflib
from dataclasses import dataclass
from typing import Any, cast, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from atoll.platform import tree
from atoll.platform.declaration import Declaration
from atoll.platform.problems import Problems, shown, unknown
from atoll.platform.tree import Node, Path

_TYPES = {"dict_type": "a map", "model_type": "a map", "list_type": "a list"}
_STAND_IN = {"controlPlane": {"driver": "local"}}
"""What stands for a required part that does not fit, so that the rest can be looked at."""


@dataclass(frozen=True)
class Parsed:
    """What fits of a declaration; `broken` are the paths of what does not, and was left out."""

    declaration: Declaration
    broken: frozenset[Path]

    def whole(self, *path: str) -> bool:
        """Whether nothing was left out of what a path leads to, nor any of what is above it."""
        return not any(each[: len(path)] == path[: len(each)] for each in self.broken)


def parse(root: Node, problems: Problems) -> Parsed:
    """Reads a declaration from its tree."""
    values = tree.plain(root)
    broken: set[Path] = set()
    while errors := _errors(values):
        missing = [_path(error) for error in errors if error["type"] == "missing"]
        for path in missing:
            _put(values, path, broken)
        for error in [] if missing else errors:
            problems.add(_path(error), _told(error))
            broken.add(_leave_out(values, _path(error)))
    return Parsed(Declaration.model_validate(values), frozenset(broken))


def _errors(values: dict[str, Any]) -> list[ErrorDetails]:
    try:
        Declaration.model_validate(values)
    except ValidationError as error:
        return error.errors(include_url=False)
    return []


def _put(values: dict[str, Any], path: Path, broken: set[Path]) -> None:
    """Puts something where a required key is missing.

    First it is nothing, so that the key's own text says what is expected there. Where that was told already,
    the map that needs the key is left out, or, at the top, gets a stand-in.
    """
    if path not in broken:
        _map(values, path)[str(path[-1])] = None
    elif len(path) > 1:
        broken.add(_leave_out(values, path[:-1]))
    else:
        values |= _STAND_IN


def _leave_out(values: dict[str, Any], path: Path) -> Path:
    """Takes out what does not fit, a list as a whole, since its items are told by their number."""
    index = next((at for at, step in enumerate(path) if isinstance(step, int)), len(path))
    # A list may be gone already, for another of its items.
    _map(values, path[:index]).pop(str(path[index - 1]), None)
    return path[:index]


def _map(values: dict[str, Any], path: Path) -> dict[str, Any]:
    """The map that the last step of a path is a key of."""
    found: Any = values
    for step in path[:-1]:
        found = found[step] if isinstance(step, int) else found.get(step, {})
    return cast("dict[str, Any]", found)


def _path(error: ErrorDetails) -> Path:
    path = tuple(error["loc"])
    return path[:-1] if path[-1] == "[key]" else path


def _told(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        path = _path(error)
        return unknown(path[-1], _keys(path[:-1]))
    context = error.get("ctx", {})
    expected = context.get("text") or _TYPES.get(error["type"]) or error["msg"]
    near = difflib.get_close_matches(str(error["input"]), context.get("choices", []), 1)
    hint = f". Did you mean {near[0]!r}?" if near else ""
    found = "a value (not shown: it may be a secret)" if context.get("hidden") else shown(error["input"])
    return f"found {found}; expected {expected}{hint}"


def _keys(path: Path) -> list[str]:
    """The keys that the map at a path may have."""
    model: Any = Declaration
    for step in path:
        model = _below(model, step)
    return [field.alias or name for name, field in model.model_fields.items()]


def _below(kind: Any, step: str | int) -> Any:
    """The type of what stands at a step below a type: a field's, a list item's or a map value's."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = {field.alias or name: field for name, field in kind.model_fields.items()}
        kind = fields[str(step)].annotation
    else:
        kind = get_args(kind)[-1]
    # `X | None` is an X where there is something below it.
    alternatives = [each for each in get_args(kind) if isinstance(each, type) and issubclass(each, BaseModel)]
    is_optional = type(None) in get_args(kind)
    return alternatives[0] if is_optional and alternatives else kind
