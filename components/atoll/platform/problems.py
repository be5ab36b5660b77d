"""What is wrong with an inventory, one line each: *where: found; expected. Do.* Pure."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from atoll.platform import tree
from atoll.platform.tree import Mark, Node, Path

_SHOWN = 60
_LISTED = 10


@dataclass(frozen=True, order=True)
class Problem:
    """One problem; problems sort in file order. `what` is the path, `text` begins with what was found."""

    mark: Mark
    what: str
    text: str

    def __str__(self) -> str:
        return ": ".join(part for part in (str(self.mark), self.what, self.text) if part)


class Problems:
    """The problems of one inventory, collected while it is looked at."""

    def __init__(self, root: Node) -> None:
        self._root = root
        self._found: set[Problem] = set()

    def add(self, path: Path, text: str) -> None:
        """Notes a problem where the path was written."""
        self._found.add(Problem(tree.mark(self._root, path), tree.dotted(path), text))

    def include(self, problems: Iterable[Problem]) -> None:
        """Takes problems that know their place."""
        self._found.update(problems)

    @property
    def lines(self) -> list[str]:
        """One line each, in file order."""
        return [str(problem) for problem in sorted(self._found)]


def shown(value: Any) -> str:
    """A value as an error shows it, short."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a map" if value else "an empty map"
    if isinstance(value, (list, tuple)):
        return "a list" if value else "an empty list"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...{text[0]}"


def choice(names: Iterable[str], last: str = "or") -> str:
    """Names as a list in a sentence; a long one is cut."""
    known = list(names)
    if len(known) > _LISTED:
        known = [*known[:_LISTED], f"{len(known) - _LISTED} more"]
    if len(known) <= 1:
        return "".join(known)
    return f"{', '.join(known[:-1])} {last} {known[-1]}"


def unknown(found: Any, known: Sequence[str], what: str = "", place: str = "") -> str:
    """The text for a name that is not among the known ones, with the nearest match.

    `what` is the noun for one of them, `place` where it was looked for.
    """
    near = difflib.get_close_matches(str(found), known, 1)
    expected = f"{what} {choice(known)}".strip() if known else f"none, since there is no {what or 'name'}"
    hint = f". Did you mean {near[0]!r}?" if near else ""
    return f"found {shown(found)}{place}; expected {expected}{hint}"
