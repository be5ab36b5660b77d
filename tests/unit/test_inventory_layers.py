import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from atoll.platform import reading, tree
from atoll.platform.tree import Mark, Node

keys = st.text("abcé/~.${} ", min_size=1, max_size=5)
scalars = st.none() | st.booleans() | st.integers(-9, 999) | st.text("ab:$#é ", max_size=6)
values = st.recursive(
    scalars,
    lambda child: st.lists(child, max_size=3) | st.dictionaries(keys, child, max_size=3),
    max_leaves=12,
)
maps = st.dictionaries(keys, values, max_size=4)


def _read(text, layer=0):
    node, problems = reading.read(text, f"stacks/{layer}.yaml", layer)
    assert not problems
    return node


def _node(value, layer):
    """A tree of plain values, every mark in one layer."""
    mark = Mark(layer, 1, f"{layer}.yaml")
    if isinstance(value, dict):
        return Node({key: _node(child, layer) for key, child in value.items()}, mark)
    if isinstance(value, list):
        return Node([_node(child, layer) for child in value], mark)
    return Node(value, mark)


def _leaves(value, path=()):
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from _leaves(child, (*path, key))
    else:
        yield path, value


@given(maps.filter(bool))
def test_what_is_written_is_read(value):
    assert tree.plain(_read(yaml.safe_dump(value, allow_unicode=True))) == value


@given(maps)
def test_an_empty_layer_changes_nothing_below_or_above(value):
    node, empty = _node(value, 1), _node({}, 0)

    assert tree.plain(tree.over(node, empty)) == value
    assert tree.plain(tree.over(empty, node)) == value
    assert tree.plain(tree.over(node, node)) == value


@given(maps, maps, maps)
def test_layers_may_be_put_together_in_any_grouping(low, middle, high):
    one, two, three = (_node(value, layer) for layer, value in enumerate((low, middle, high)))

    left = tree.over(tree.over(one, two), three)
    right = tree.over(one, tree.over(two, three))
    assert tree.plain(left) == tree.plain(right)
    assert tree.plain(left) == tree.merged(low, middle, high)


@given(maps, maps)
def test_the_later_layer_wins_and_each_leaf_knows_its_own(low, high):
    merged = tree.over(_node(low, 0), _node(high, 1))

    found = tree.plain(merged)
    for path, value in _leaves(found):
        layer = tree.mark(merged, path).layer
        if path:
            assert _at((low, high)[layer], path) == value or value == {}
    for path, value in _leaves(high):
        # What the later layer says stands, but that an empty map there takes nothing away.
        assert _at(found, path) == value or value == {}


def _at(value, path):
    for step in path:
        value = value[step]
    return value


def test_maps_merge_and_lists_replace():
    low = _read("a: {x: 1, y: [1, 2]}\nb: kept\nc: {gone: 1}\n", 0)
    high = _read("a:\n  y: [3]\n  z: 4\nc: text\n", 1)

    merged = tree.over(low, high)

    assert tree.plain(merged) == {"a": {"x": 1, "y": [3], "z": 4}, "b": "kept", "c": "text"}
    marks = {path: str(tree.mark(merged, path)) for path in [("a", "x"), ("a", "y", 0), ("a", "z"), ("b",)]}
    assert marks == {
        ("a", "x"): "stacks/0.yaml:1",
        ("a", "y", 0): "stacks/1.yaml:2",
        ("a", "z"): "stacks/1.yaml:3",
        ("b",): "stacks/0.yaml:2",
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True),
        ("Off", False),
        ("0644", 420),
        ("0x1F", 31),
        ("1_000", 1000),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", "1e3"),
        ("~", None),
        ("", None),
        ("12:30", "12:30"),
        ("190:20:30.15", "190:20:30.15"),
        ("2026-11-24", "2026-11-24"),
        ("2026-11-24T06:00:00Z", "2026-11-24T06:00:00Z"),
        ("=", "="),
        ("'1'", "1"),
        ("${replicas}", "${replicas}"),
        ("100m", "100m"),
    ],
)
def test_scalars_are_read_as_kubectl_reads_them_but_for_dates_and_sixties(text, value):
    found = tree.plain(_read(f"key: {text}\n"))["key"]

    assert found == value
    assert type(found) is type(value)


def test_a_merge_key_gives_what_the_map_does_not_say_itself():
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: [*a, *b]\n  x: 3\n"

    assert tree.plain(_read(text))["c"] == {"x": 3, "y": 1, "z": 2}


def test_a_value_knows_the_line_of_its_key_and_an_item_its_own():
    root = _read("# first\na:\n  b:\n    c: 1\n  list:\n    - x\n    -\n      y: 2\n")

    lines = {
        tree.dotted(path): tree.mark(root, path).line
        for path in [("a",), ("a", "b"), ("a", "b", "c"), ("a", "list", 1, "y"), ("a", "list", 0)]
    }
    assert lines == {"a": 2, "a.b": 3, "a.b.c": 4, "a.list[1].y": 8, "a.list[0]": 6}


def test_a_path_that_is_not_there_is_where_the_last_thing_above_it_is():
    root = _read("a:\n  b: {c: 1}\n")

    assert tree.mark(root, ("a", "b", "missing", "deeper")).line == 2
    assert tree.mark(root, ("nothing",)).line == 1


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode(errors="replace")))
def test_any_text_is_read_or_refused_and_never_an_accident(text):
    node, problems = reading.read(text, "stacks/dev.yaml", 0)

    assert node is not None or problems
    for problem in problems:
        assert str(problem).startswith("stacks/dev.yaml:")
        assert "\n" not in str(problem)
