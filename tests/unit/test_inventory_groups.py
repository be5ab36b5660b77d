import graphlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.platform.declaration import Cluster, Group
from atoll.platform.groups import Groups


def _groups(groups, clusters):
    return Groups(
        {name: Group.model_validate(value) for name, value in groups.items()},
        {name: Cluster.model_validate(value) for name, value in clusters.items()},
    )


@pytest.mark.parametrize(
    ("why", "groups", "expected"),
    [
        ("by name where nothing else decides", {"b": {}, "a": {}}, ("a", "b")),
        ("the higher priority later", {"a": {"priority": 2}, "b": {}}, ("b", "a")),
        ("one is the priority unless given", {"a": {"priority": 1}, "b": {"priority": 0}}, ("b", "a")),
        ("a parent before its child", {"a": {}, "z": {"children": ["a"]}}, ("z", "a")),
        (
            "depth before priority",
            {"a": {}, "z": {"children": ["a"], "priority": 99}},
            ("z", "a"),
        ),
        (
            "depth is that of the longest way",
            {"b": {}, "x": {"children": ["y", "b"]}, "y": {"children": ["b"]}, "c": {"priority": 5}},
            ("x", "c", "y", "b"),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_precedence_is_that_of_ansible(why, groups, expected):
    assert why
    found = _groups(groups, {"lagoon": {"groups": sorted(groups)}})

    assert found.precedence("lagoon") == expected


def test_a_cluster_is_in_a_group_whichever_of_the_two_says_so():
    groups = {"north": {"clusters": ["lagoon"]}, "sea": {"children": ["north", "south"]}, "south": {}}
    found = _groups(groups, {"lagoon": {}, "reef": {"groups": ["south"]}, "motu": {}})

    assert found.members == {
        "all": ("lagoon", "motu", "reef"),
        "north": ("lagoon",),
        "sea": ("lagoon", "reef"),
        "south": ("reef",),
    }
    assert found.chosen(["north"], ["motu"]) == ("lagoon", "motu")
    assert found.chosen(["all"], []) == ("lagoon", "motu", "reef")


def test_the_last_that_says_something_is_heard():
    groups = {
        "sea": {"children": ["north"], "region": "sea", "nodes": 1, "driver": "local"},
        "north": {"region": "north"},
    }
    clusters = {"lagoon": {"groups": ["north"], "nodes": 0}, "reef": {"groups": ["north"], "region": None}}
    found = _groups(groups, clusters)

    assert [found.setting("lagoon", key) for key in ("region", "nodes", "driver", "zone")] == [
        "north",
        0,
        "local",
        None,
    ]
    assert found.setting("reef", "region") is None


names = st.sampled_from("abcdef")
nested = st.dictionaries(names, st.lists(names, max_size=3, unique=True), max_size=6)


@given(nested)
def test_circles_are_found_where_there_are_any(children):
    found = _groups({name: {"children": below} for name, below in children.items()}, {})

    graph = {name: [child for child in below if child in children] for name, below in children.items()}
    try:
        tuple(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError:
        assert found.circles
    else:
        assert not found.circles


@given(nested, st.dictionaries(names, st.integers(-2, 2)), st.permutations("abcdef"))
def test_parents_come_first_and_the_order_of_writing_does_not_count(children, priorities, order):
    # A name may only be below a smaller one, so that there are no circles.
    declared = {
        name: {"children": [child for child in below if child > name], "priority": priorities.get(name, 1)}
        for name, below in children.items()
    }
    shuffled = {name: declared[name] for name in order if name in declared}
    clusters = {"lagoon": {"groups": list(declared)}}

    found = _groups(declared, clusters).precedence("lagoon")

    assert found == _groups(shuffled, clusters).precedence("lagoon")
    assert sorted(found) == sorted(declared)
    for name, group in declared.items():
        for child in group["children"]:
            if child in declared:
                assert found.index(name) < found.index(child)
