"""What tells objects from one another, and how people call them."""

import pytest

from atoll.kubernetes import identities


def _manifest(version, kind, **metadata):
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


@pytest.mark.parametrize(
    ("manifest", "identity", "label"),
    [
        (_manifest("v1", "Node", name="a"), ("", "Node", "", "a"), "Node a"),
        (
            _manifest("apps/v1", "Deployment", name="a", namespace="n", labels={}),
            ("apps", "Deployment", "n", "a"),
            "Deployment n/a",
        ),
        # What is not said, or not known yet, is empty: whoever tells of it must not fail.
        ({"apiVersion": "v1", "kind": "Secret", "metadata": None}, ("", "Secret", "", ""), "Secret "),
        ({}, ("", "", "", ""), " "),
    ],
)
def test_an_object_is_told_by_group_kind_namespace_and_name(manifest, identity, label):
    assert identities.of(manifest) == identity
    assert identities.group_kind(manifest) == identity[:2]
    assert identities.label(manifest) == label


def test_all_versions_of_a_kind_show_the_same_object():
    old, new = (_manifest(f"autoscaling/{version}", "X", name="a") for version in ("v1", "v2"))

    assert identities.of(old) == identities.of(new)


@pytest.mark.parametrize("named", [{"name": "a"}, {"name": "a", "namespace": "n"}])
def test_a_reference_names_an_object_and_nothing_else_of_it(named):
    manifest = {**_manifest("v1", "ConfigMap", **named, labels={"a": "b"}), "data": {"k": "v"}}

    assert identities.reference(manifest) == _manifest("v1", "ConfigMap", **named)
