import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from atoll.core.errors import ArgsError
from atoll.provider import diffs, values
from atoll.provider.diffs import Change

KEYS = st.text("abc.[]\"'\\", min_size=1, max_size=4)
LEAVES = st.one_of(st.booleans(), st.integers(-(2**52), 2**52), st.text(max_size=5))
PLAIN = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)
MAPS = st.dictionaries(KEYS, PLAIN, max_size=4)


def _paths(value, path=()):
    """Every path in a value, the top left out."""
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, entry in entries:
        yield (*path, key)
        yield from _paths(entry, (*path, key))


def _at(value, path):
    for part in path:
        value = value[part]
    return value


def test_a_secret_around_nothing_is_left_out_of_what_goes_back_to_the_engine():
    struct = _struct(name="n", nested={"list": ["a"]}, access={values.SIGNATURE: values.SECRET})
    struct.fields["access"].struct_value.fields["value"].CopyFrom(struct_pb2.Value())
    struct.fields["nested"].struct_value.fields["empty"].CopyFrom(struct_pb2.Value())
    struct.fields["nested"].struct_value.fields["list"].list_value.values.add()

    # An entry of a list has a place that others are counted by.
    assert values.whole(struct) == _struct(name="n", nested={"list": ["a", None]})


@given(MAPS, st.booleans())
def test_what_the_engine_knows_goes_back_as_it_came(value, secret):
    secrets = list(_paths(value))[:1] if secret else []
    struct = values.encode(value, secrets)
    assert values.whole(struct) == struct


def _struct(**fields):
    struct = struct_pb2.Struct()
    struct.update(fields)
    return struct


@given(MAPS)
def test_plain_values_survive_the_way_to_the_engine_and_back(value):
    assert values.decode(values.encode(value)) == values.Decoded(value, frozenset())


@given(MAPS, st.data())
def test_marks_of_secrets_survive_and_none_lies_within_another(value, data):
    paths = list(_paths(value))
    marks = set(data.draw(st.lists(st.sampled_from(paths), max_size=3))) if paths else set()

    decoded = values.decode(values.encode(value, marks))

    assert decoded.value == value
    outermost = {path for path in marks if not any(path[: len(other)] == other for other in marks - {path})}
    assert decoded.secrets == outermost


def test_a_mark_of_what_is_not_there_is_left_out():
    assert values.decode(values.encode({"a": 1}, {("b",), ("a", "c")})).secrets == frozenset()


def test_whole_numbers_are_integers_and_nulls_are_left_out():
    assert values.plain(_struct(a=3.0, b=0.5, c=None, d=[None])) == {"a": 3, "b": 0.5, "d": [None]}


def test_an_output_value_is_what_it_holds_or_unknown():
    known = {values.SIGNATURE: values.OUTPUT, "value": "v", "secret": True}
    unknown = {values.SIGNATURE: values.OUTPUT}

    decoded = values.decode(_struct(known=known, unknown=unknown))

    assert decoded == values.Decoded({"known": "v", "unknown": values.UNKNOWN}, frozenset({("known",)}))


def test_a_resource_as_an_input_is_its_id_or_its_name():
    custom = {values.SIGNATURE: values.REFERENCE, "urn": "urn:x", "id": "i"}
    component = {values.SIGNATURE: values.REFERENCE, "urn": "urn:y"}

    assert values.plain(_struct(a=custom, b=component)) == {"a": "i", "b": "urn:y"}


def test_a_file_is_refused_where_it_stands():
    asset = {values.SIGNATURE: "c44067f5952c0a294b673a41bacd8c17", "text": "x"}

    with pytest.raises(ArgsError, match=r"^data\.file: found an asset"):
        values.decode(_struct(data={"file": asset}))


@given(MAPS)
def test_nothing_changes_from_a_value_to_itself(value):
    assert list(diffs.changes(value, value)) == []


@given(MAPS, MAPS)
def test_changes_are_told_where_they_are_and_the_other_way_round_in_reverse(old, new):
    found = dict(diffs.changes(old, new))
    assert bool(found) == (old != new)
    for path, change in found.items():
        if change is Change.UPDATE:
            assert _at(old, path) != _at(new, path)
        else:
            assert _at(new if change is Change.ADD else old, path) is not None
    turned = {Change.ADD: Change.DELETE, Change.DELETE: Change.ADD, Change.UPDATE: Change.UPDATE}
    assert dict(diffs.changes(new, old)) == {path: turned[change] for path, change in found.items()}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("a",), "a"),
        (("a", "b", 0, "c"), "a.b[0].c"),
        (("metadata", "annotations", "pulumi.com/x"), 'metadata.annotations["pulumi.com/x"]'),
        (('a"b', 'c"[d'), '["a\\"b"]["c\\"[d"]'),
    ],
)
def test_a_path_is_written_as_the_engine_reads_it(path, text):
    assert diffs.text(path) == text


def test_the_answer_to_a_diff_names_each_change_and_what_replaces():
    found = [(("a", "b"), Change.UPDATE, True), (("c",), Change.ADD, False)]

    answer = diffs.response(found, delete_first=True)

    assert answer.changes == answer.DIFF_SOME
    assert (list(answer.replaces), answer.deleteBeforeReplace) == (["a.b"], True)
    assert {path: entry.kind for path, entry in answer.detailedDiff.items()} == {"a.b": 5, "c": 0}
    assert list(answer.diffs) == ["a", "c"]


def test_nothing_is_deleted_first_where_nothing_is_replaced():
    answer = diffs.response([(("c",), Change.ADD, False)], delete_first=True)

    # The engine asks for the order too where it replaces for a reason of its own.
    assert answer.deleteBeforeReplace
    assert not list(answer.replaces)
    assert diffs.response([], delete_first=True).changes == answer.DIFF_NONE


def test_a_secret_of_nothing_is_not_sent_back():
    # What the engine sends for an output of a resource that failed: a value of no kind at all.
    struct = _struct(name="reef", access={values.SIGNATURE: values.SECRET})
    struct.fields["access"].struct_value.fields["value"].CopyFrom(struct_pb2.Value())
    struct.fields["token"].struct_value.update({values.SIGNATURE: values.SECRET, "value": "t"})

    assert values.whole(struct) == values.encode({"name": "reef", "token": "t"}, {("token",)})
    assert values.decode(struct).value == {"name": "reef", "token": "t"}
