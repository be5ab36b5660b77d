import re

import pytest
from ansible.inventory.manager import InventoryManager  # type: ignore[import-untyped] # it has no types
from ansible.parsing.dataloader import DataLoader  # type: ignore[import-untyped] # it has no types
from hypothesis import given
from hypothesis import strategies as st

from atoll.core.errors import ArgsError
from atoll.platform import patterns

_PLACES = ("control-plane", "lagoon", "lagoon-2", "motu", "reef")
_GROUPS = {
    "all": _PLACES,
    "coast": ("lagoon", "motu", "reef"),
    "north": ("lagoon", "lagoon-2", "reef"),
    "south": ("motu",),
}


def _chosen(*words):
    return patterns.chosen(words, _PLACES, _GROUPS, "--limit")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["lagoon"], ["lagoon"]),
        (["lagoon,motu"], ["lagoon", "motu"]),
        (["motu:lagoon"], ["lagoon", "motu"]),
        (["motu", "lagoon"], ["lagoon", "motu"]),
        (["all"], _PLACES),
        (["*"], _PLACES),
        (["north"], ["lagoon", "lagoon-2", "reef"]),
        (["north,!reef"], ["lagoon", "lagoon-2"]),
        (["!reef,north"], ["lagoon", "lagoon-2"]),
        (["north,&coast"], ["lagoon", "reef"]),
        (["&coast", "north", "!reef"], ["lagoon"]),
        (["!coast"], ["control-plane", "lagoon-2"]),
        (["&south"], ["motu"]),
        (["lagoon*"], ["lagoon", "lagoon-2"]),
        (["*th"], ["lagoon", "lagoon-2", "motu", "reef"]),
        (["[lm]*,!~lagoon-\\d"], ["lagoon", "motu"]),
        (["~(lagoon|reef)$"], ["lagoon", "reef"]),
        ([" lagoon , motu ,"], ["lagoon", "motu"]),
    ],
    ids=",".join,
)
def test_a_pattern_means_what_it_means_to_ansible(words, expected):
    assert _chosen(*words) == tuple(expected)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["lagon"], "--limit: found 'lagon'; expected control-plane, lagoon, lagoon-2, motu, reef, all, "),
        (["north,!ref"], "--limit: found 'ref'; expected "),
        (["lagoon,&coasts"], "Did you mean 'coast'?"),
        (["x*"], "--limit: found 'x*', which no cluster fits; expected a pattern that some do"),
        (["lagoon,!north"], "--limit: found 'lagoon,!north', which no cluster fits"),
        ([""], "--limit: found nothing; expected a cluster, a group or a pattern"),
        (["!"], "--limit: found ''; expected a name, a glob or ~REGEX (no positions, no files)"),
        (["north[0]"], "--limit: found 'north[0]'; expected a name, a glob or ~REGEX"),
        (["@failed.retry"], "--limit: found '@failed.retry'; expected a name, a glob or ~REGEX"),
        (["~("], "--limit: found '~(', missing ), unterminated subpattern at position 0; expected a regular"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, list) else "",
)
def test_what_means_nobody_is_refused(words, text):
    with pytest.raises(ArgsError, match=re.escape(text)):
        _chosen(*words)


def _theirs(words):
    manager = InventoryManager(loader=DataLoader(), sources=None)
    for group, places in _GROUPS.items():
        if group != "all":
            manager.add_group(group)
        for place in places:
            manager.add_host(place, group=group)
    return {host.name for host in manager.get_hosts(",".join(words))}


_WORDS = st.sampled_from([*_PLACES, *_GROUPS, "lagoon*", "*", "*o*", "[cm]*", "~la.*", "~.*th", "s*"])
_PATTERNS = st.lists(st.tuples(st.sampled_from(["", "!", "&"]), _WORDS).map("".join), min_size=1, max_size=5)


@given(_PATTERNS)
def test_any_pattern_chooses_what_ansible_itself_chooses(words):
    expected = _theirs(words)
    if not expected:
        with pytest.raises(ArgsError):
            _chosen(*words)
    else:
        assert set(_chosen(*words)) == expected


@given(_PATTERNS, _WORDS)
def test_what_is_taken_away_is_gone_wherever_it_is_said(words, gone):
    for order in ([*words, f"!{gone}"], [f"!{gone}", *words]):
        try:
            left = set(_chosen(*order))
        except ArgsError:
            continue
        assert not left & set(_chosen(gone))
