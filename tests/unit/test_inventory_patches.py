import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.platform import patches

names = st.sampled_from(["a", "b", "a/b", "~", "~1", "", "é", "0"])
scalars = st.booleans() | st.integers(-1, 2) | st.sampled_from(["", "x", "1"])
values = st.recursive(
    scalars,
    lambda child: st.lists(child, max_size=3) | st.dictionaries(names, child, max_size=3),
    max_leaves=10,
)
texts = st.dictionaries(names, st.sampled_from(["x", "y"]), max_size=3)
metadata = st.fixed_dictionaries({"name": st.just("web")}, optional={"labels": texts, "annotations": texts})
manifests = st.fixed_dictionaries(
    {"kind": st.just("ConfigMap"), "metadata": metadata}, optional={"spec": values, "data": values}
)


def _apply(document, operations):
    """RFC 6902's add, replace and remove, as strict as the specification is."""
    document = copy.deepcopy(document)
    for operation in operations:
        steps = [
            step.replace("~1", "/").replace("~0", "~")
            for step in operation["path"].removeprefix("/").split("/")
        ]
        *way, last = steps
        target = document
        for step in way:
            target = target[int(step)] if isinstance(target, list) else target[step]
        key = int(last) if isinstance(target, list) else last
        if operation["op"] == "remove":
            del target[key]
        elif operation["op"] == "replace":
            assert isinstance(target, list) or key in target
            target[key] = operation["value"]
        elif isinstance(target, list):
            target.insert(key, operation["value"])
        else:
            target[key] = operation["value"]
    return document


def _on_the_plane(manifest):
    """Labels and annotations are always there, since Atoll writes some of its own."""
    found = copy.deepcopy(manifest)
    for key in ("labels", "annotations"):
        found["metadata"].setdefault(key, {})
    return found


@given(manifests, manifests)
def test_the_template_with_its_patches_is_the_rendering(template, rendering):
    found = patches.between(template, rendering)

    after = _apply(_on_the_plane(template), found)
    assert json.dumps(after, sort_keys=True) == json.dumps(_on_the_plane(rendering), sort_keys=True)


@given(manifests)
def test_equal_renderings_need_no_patch(manifest):
    assert patches.between(manifest, copy.deepcopy(manifest)) == ()


@given(manifests, manifests)
def test_patches_leave_what_others_write_into_labels_and_annotations(template, rendering):
    marked = _on_the_plane(template)
    marked["metadata"]["labels"]["atoll"] = "here"
    marked["metadata"]["annotations"]["atoll"] = "here"

    after = _apply(marked, patches.between(template, rendering))

    assert after["metadata"]["labels"]["atoll"] == "here"
    assert after["metadata"]["annotations"]["atoll"] == "here"


@given(manifests, manifests)
def test_a_key_that_the_plane_left_out_for_being_empty_does_not_matter(template, rendering):
    """An API server drops what is false, zero or empty in a field with omitempty."""
    plane = _on_the_plane(template)
    for key in ("spec", "data"):
        if key in plane and not plane[key]:
            del plane[key]
    found = [patch for patch in patches.between(template, rendering) if patch["op"] != "remove"]

    after = _apply(plane, found)

    for key in ("spec", "data"):
        if rendering.get(key):
            assert patches.same(after[key], rendering[key])


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ((), ""),
        (("spec", "replicas"), "/spec/replicas"),
        (("a/b", "m~n"), "/a~1b/m~0n"),
        (("list", 0, "~1"), "/list/0/~01"),
        (("",), "/"),
    ],
)
def test_a_pointer_is_that_of_rfc_6901(path, pointer):
    assert patches.pointer(path) == pointer


def test_one_is_not_true_in_json():
    assert not patches.same({"a": 1}, {"a": True})
    assert not patches.same([1], [1.0])
    assert patches.same({"a": 1, "b": 2}, {"b": 2, "a": 1})


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([(), ({"op": "add"},), ({"op": "remove"},)]))
)
def test_clusters_with_equal_patches_share_a_rule_and_those_without_have_none(by_cluster):
    rules = patches.grouped(by_cluster)

    assert {name: found for clusters, found in rules for name in clusters} == {
        name: found for name, found in by_cluster.items() if found
    }
    assert len({json.dumps(found) for _, found in rules}) == len(rules)
    for clusters, _ in rules:
        assert list(clusters) == sorted(clusters)
