import base64

from hypothesis import given
from hypothesis import strategies as st

from atoll.provider.kubernetes import annotations, drift


def _manifest(kind, version="v1", **fields):
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "x", "namespace": "n"}, **fields}


def test_words_of_the_server_are_no_drift_and_what_differs_beside_them_is():
    declared = {"cpu": "1000m", "memory": "1Gi", "ports": [{"port": 80}]}
    live = {"cpu": "1", "memory": "2Gi", "ports": [{"port": 80, "protocol": "TCP"}], "more": True}
    wanted = {**live, "memory": "1Gi"}

    assert drift.seen(declared, live, wanted) == {**declared, "memory": "2Gi"}
    assert drift.seen(declared, live) == {"cpu": "1", "memory": "2Gi", "ports": [{"port": 80}]}


def test_what_is_gone_and_what_was_added_to_a_list_is_drift():
    assert drift.seen({"a": 1, "b": 2}, {"a": 1}) == {"a": 1}
    assert drift.seen({"l": [1]}, {"l": [1, 2]}, {"l": [1]}) == {"l": [1, 2]}


def test_what_the_server_drops_by_itself_is_not_gone():
    assert drift.seen({"a": 1, "l": []}, {"a": 2}, {"a": 1}) == {"a": 2, "l": []}
    assert drift.seen({"a": {"l": []}}, {"a": {}}, {"a": {}}) == {"a": {"l": []}}


def test_plain_values_of_a_secret_are_compared_with_what_the_server_keeps():
    declared = _manifest("Secret", stringData={"a": "plain", "gone": "x"})
    kept = {"a": base64.b64encode(b"plain").decode(), "other": "eA=="}

    assert drift.seen(declared, _manifest("Secret", data=kept))["stringData"] == {"a": "plain"}


JSON = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text("ab", max_size=2), JSON, max_size=3)


@given(OBJECTS, OBJECTS)
def test_what_is_as_declared_does_not_drift_whatever_stands_beside_it(declared, beside):
    assert drift.seen(declared, {**beside, **declared}) == declared


@given(OBJECTS, OBJECTS)
def test_what_the_server_would_have_made_of_it_anyway_does_not_drift(declared, live):
    every = {**declared, **live}
    assert drift.seen(declared, every, every).keys() == declared.keys()
    leaves = {key: value for key, value in declared.items() if not isinstance(value, dict | list)}
    assert drift.seen(leaves, every, every) == leaves


def test_an_import_declares_what_somebody_could_have_declared():
    live = _manifest("ConfigMap", data={"a": "1"}, status={"x": 1})
    live["metadata"] |= {
        "uid": "u",
        "resourceVersion": "1",
        "managedFields": [],
        "annotations": {annotations.LAST_APPLIED: "{}"},
    }

    assert drift.adopted(live) == _manifest("ConfigMap", data={"a": "1"})
