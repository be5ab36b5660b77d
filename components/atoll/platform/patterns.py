"""Ansible's patterns for `--limit`: which of some places are meant. Pure.

Patterns are separated by commas or colons: a name of a place or a group, a glob, `~` and a regular expression; `!` takes
away and `&` keeps what is in both. First all that choose are read, then `&`, then `!`, in whatever order they stand.
Source: https://docs.ansible.com/ansible/latest/inventory_guide/intro_patterns.html; ansible.inventory.manager
(`order_patterns`, `_evaluate_patterns`, `_enumerate_matches`). Positions (`group[0]`) and files (`@FILE`) are not taken.
"""

import fnmatch
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from atoll.core.errors import ArgsError
from atoll.platform.problems import shown, unknown

_SEPARATORS = re.compile(r"[,:]")
_GLOB = frozenset("*?[")
_REGEX, _AND, _NOT = "~", "&", "!"
_UNTAKEN = re.compile(r"@.*|[^~].*\[-?\d*(:-?\d*)?\]?")


def split(patterns: Sequence[str]) -> list[str]:
    """The single patterns of some words; one that is a regular expression is taken whole."""
    words: list[str] = []
    for word in patterns:
        whole = word.lstrip(_AND + _NOT).startswith(_REGEX)
        words += [word] if whole else [each.strip() for each in _SEPARATORS.split(word) if each.strip()]
    return words


def chosen(
    patterns: Sequence[str], places: Sequence[str], groups: Mapping[str, Collection[str]], where: str
) -> tuple[str, ...]:
    """Which of the places are meant, in their order. `groups` are {group: places}; `where` begins an error.

    Raises:
        ArgsError: a name is nobody's, a pattern cannot be read, or nothing is left.
    """
    words = split(patterns)
    if not words:
        raise ArgsError(f"{where}: found nothing; expected a cluster, a group or a pattern")
    plain = [word for word in words if word[0] not in _AND + _NOT]
    # Who only takes away takes away from all.
    found = {name for word in plain for name in _meant(word, places, groups, where)} if plain else set(places)
    for word in words:
        if word[0] == _AND:
            found &= set(_meant(word[1:], places, groups, where))
    for word in words:
        if word[0] == _NOT:
            found -= set(_meant(word[1:], places, groups, where))
    if not found:
        raise ArgsError(
            f"{where}: found {shown(','.join(words))}, which no cluster fits; expected a pattern that some do"
        )
    return tuple(name for name in places if name in found)


def _meant(
    word: str, places: Sequence[str], groups: Mapping[str, Collection[str]], where: str
) -> Iterator[str]:
    if not word or _UNTAKEN.fullmatch(word):
        raise ArgsError(
            f"{where}: found {shown(word)}; expected a name, a glob or ~REGEX (no positions, no files)"
        )
    # As Ansible has it: a group of a name hides a place of it, a pattern is looked for among both.
    named = [name for group in groups if _fits(word, group, where) for name in groups[group]]
    yield from named
    if not named or word[0] == _REGEX or _GLOB & set(word):
        yield from (name for name in places if _fits(word, name, where))
    if word[0] != _REGEX and not _GLOB & set(word) and word not in groups and word not in places:
        raise ArgsError(
            f"{where}: {unknown(word, [*places, *(name for name in groups if name not in places)])}"
        )


def _fits(word: str, name: str, where: str) -> bool:
    if word[0] != _REGEX:
        return fnmatch.fnmatchcase(name, word)
    try:
        return re.match(word[1:], name) is not None
    except re.error as error:
        raise ArgsError(f"{where}: found {shown(word)}, {error}; expected a regular expression") from error
