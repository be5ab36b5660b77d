"""Images in the values of a release: `${images.NAME.ref}`, `.repository` and `.digest` stand for one of the inventory's.

Nothing else of the kind is ours there: a chart's values may be full of `${...}`. Pure.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from atoll.platform.problems import unknown
from atoll.platform.tree import Path

PARTS = ("ref", "repository", "digest")
_TOKEN = re.compile(r"\$\{images\.([^}.]*)\.?([^}]*)\}")

Parts = Mapping[str, Mapping[str, Any]]
"""What stands for each part of each image."""


def used(values: Any) -> frozenset[str]:
    """The names of the images that values speak of."""
    return frozenset(token[1] for _, token in _tokens(values, ()))


def problems(values: Any, images: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """What values ask for that nobody declares, by its path in them."""
    for path, token in _tokens(values, ()):
        if token[1] not in images:
            yield path, unknown(token[1], images, "image", f" in {token[0]!r}")
        elif token[2] not in PARTS:
            yield path, unknown(token[2], PARTS, place=f" in {token[0]!r}")


def filled(values: Any, parts: Parts, joined: Callable[[Sequence[Any]], Any] = "".join) -> Any:
    """The values with what stands for their images; `joined` makes one text of several pieces."""
    if isinstance(values, Mapping):
        return {key: filled(child, parts, joined) for key, child in values.items()}
    if isinstance(values, (list, tuple)):
        return [filled(child, parts, joined) for child in values]
    if not isinstance(values, str) or not _TOKEN.search(values):
        return values
    pieces: list[Any] = []
    end = 0
    for token in _TOKEN.finditer(values):
        pieces += [values[end : token.start()], parts[token[1]][token[2]]]
        end = token.end()
    return joined([*pieces, values[end:]])


def stand_ins(repositories: Mapping[str, str], letter: str) -> Parts:
    """What stands for images of which nothing but the repository's name is known; a `letter` of a to f tells them apart."""
    found = {}
    for name, repository in repositories.items():
        whole, digest = f"{letter}.invalid/{repository}", f"sha256:{letter * 64}"
        found[name] = {"ref": f"{whole}@{digest}", "repository": whole, "digest": digest}
    return found


def _tokens(value: Any, path: Path) -> Iterator[tuple[Path, re.Match[str]]]:
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from _tokens(child, (*path, key))
    elif isinstance(value, (list, tuple)):
        for index, child in enumerate(value):
            yield from _tokens(child, (*path, index))
    elif isinstance(value, str):
        yield from ((path, token) for token in _TOKEN.finditer(value))
