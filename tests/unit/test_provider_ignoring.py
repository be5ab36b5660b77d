from typing import Any

import pytest

from atoll.provider.kubernetes import ignoring

DEPLOYMENT: dict[str, Any] = {
    "metadata": {"name": "web", "annotations": {"a.b/c": "1"}},
    "spec": {
        "replicas": 1,
        "containers": [{"name": "web", "image": "one"}, {"name": "side", "image": "two"}],
    },
}


def _live(ours: Any, theirs: Any, **spec):
    entries = [{"manager": "m", "fieldsV1": ours}, {"manager": "autoscaler", "fieldsV1": theirs}]
    return {"metadata": {"managedFields": entries, "annotations": {"a.b/c": "9"}}, "spec": spec}


OURS: dict[str, Any] = {"f:spec": {"f:replicas": {}}}
NOBODYS: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("ours", "theirs", "sent"),
    [
        # Source: handleSSAIgnoreFields, provider/pkg/await/await.go of pulumi/pulumi-kubernetes.
        ({"f:metadata": {}}, OURS, None),
        (OURS, {"f:status": {}}, 5),
        (OURS, OURS, 5),
        ({"f:metadata": {}}, {"f:status": {}}, 5),
    ],
    ids=["theirs alone", "ours", "shared", "nobody's"],
)
def test_a_field_is_left_out_only_where_somebody_else_owns_it_alone(ours, theirs, sent):
    found = ignoring.applied(DEPLOYMENT, _live(ours, theirs, replicas=5), "m", ["spec.replicas"])

    assert found["spec"].get("replicas") == sent
    assert found["spec"]["containers"] == DEPLOYMENT["spec"]["containers"]


def test_a_field_that_the_live_object_lacks_is_sent_as_declared():
    assert ignoring.applied(DEPLOYMENT, _live(OURS, {"f:status": {}}), "m", ["spec.replicas"]) == DEPLOYMENT


@pytest.mark.parametrize(
    "path",
    ["spec.containers[0].image", "spec.containers[*].image", 'spec["containers"][0]["image"]'],
)
def test_an_entry_of_a_list_is_found_by_its_key(path):
    theirs: dict[str, Any] = {"f:spec": {"f:containers": {'k:{"name":"web"}': {".": {}, "f:image": {}}}}}
    containers = [{"name": "web", "image": "live"}, {"name": "side", "image": "live"}]

    found = ignoring.applied(DEPLOYMENT, _live({"f:a": {}}, theirs, containers=containers), "m", [path])

    assert "image" not in found["spec"]["containers"][0]
    assert DEPLOYMENT["spec"]["containers"][0]["image"] == "one"


def test_a_name_with_dots_is_one_part_of_a_path():
    assert ignoring.parsed('metadata.annotations["a.b/c"]') == ("metadata", "annotations", "a.b/c")
    assert ignoring.parsed("a[0].b[*]") == ("a", 0, "b", "*")
    found = ignoring.applied(
        DEPLOYMENT, _live({"f:a": {}}, {"f:b": {}}), "m", ['metadata.annotations["a.b/c"]']
    )

    assert found["metadata"]["annotations"] == {"a.b/c": "9"}
