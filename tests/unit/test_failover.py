"""What moves from a cluster that fails: the policies that say so, and how its replicas are shared."""

from datetime import UTC, datetime

import pytest

from atoll.federation import failover, placement
from atoll.federation.failover import Share

LIGHT = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "light", "namespace": "beacon"}}
LINES = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "lines"}}


def _placement(policy):
    return policy["spec"]["placement"]


def test_what_stays_bears_the_taint_for_good_and_what_moves_only_for_a_while():
    staying = _placement(placement.propagation_policy("beacon", [LINES], ["tern", "heron"]))
    moving = _placement(placement.failover_policy("beacon-failover", [LIGHT], ["tern", "heron"]))
    (bears,), (waits,) = staying["clusterTolerations"], moving["clusterTolerations"]
    (taint,) = placement.taint_policy("beacon-failover", ["tern", "heron"])["spec"]["taints"]

    assert bears == {**taint, "operator": "Exists"}
    assert waits == {**bears, "tolerationSeconds": 15}
    assert staying["replicaScheduling"] == {"replicaSchedulingType": "Duplicated"}
    assert moving["replicaScheduling"]["replicaSchedulingType"] == "Divided"


def test_a_cluster_is_tainted_while_it_is_not_ready_and_no_longer():
    spec = placement.taint_policy("beacon-failover", ["tern", "heron"])["spec"]

    assert spec["targetClusters"] == {"clusterNames": ["heron", "tern"]}
    assert [each["statusValues"] for each in spec["addOnConditions"]] == [["False", "Unknown"]]
    assert [each["statusValues"] for each in spec["removeOnConditions"]] == [["True"]]


@pytest.mark.parametrize(
    ("version", "kind", "moves"),
    [
        ("apps/v1", "Deployment", True),
        ("apps/v1", "StatefulSet", False),
        ("batch/v1", "Job", False),
        ("example.com/v1", "Deployment", False),
        ("v1", "ConfigMap", False),
    ],
)
def test_deployments_move_and_nothing_else(version, kind, moves):
    assert placement.moves({"apiVersion": version, "kind": kind, "metadata": {"name": "a"}}) is moves


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/spec/replicas", True),
        ("/spec", True),
        ("", True),
        ("/spec/template", False),
        ("/spec/replicasets", False),
    ],
)
def test_a_patch_that_says_how_many_replicas_there_are_is_known(path, says):
    assert failover.sets_replicas([{"op": "replace", "path": path, "value": 1}]) is says


@pytest.mark.parametrize(
    ("placed", "replicas", "ready", "fair"),
    [
        (["tern", "heron"], 2, ["tern", "heron"], True),
        (["tern"], 2, ["tern"], True),
        (["tern"], 2, ["tern", "heron"], False),
        (["tern"], 1, ["tern", "heron"], True),
        (["tern", "heron"], 5, ["tern", "heron", "skua"], False),
        # What stands on one that failed counts for nobody else.
        (["tern", "heron"], 2, ["tern", "skua"], False),
        (["tern"], 2, [], True),
    ],
)
def test_replicas_are_shared_fairly_where_as_many_clusters_as_can_have_some(placed, replicas, ready, fair):
    spec = {"replicas": replicas, "clusters": [{"name": name, "replicas": 1} for name in placed]}

    share = Share.of({"spec": spec})

    assert share
    assert share.is_fair(ready) is fair


def test_what_is_not_placed_yet_has_no_share():
    assert Share.of(None) is None
    assert Share.of({"spec": {"replicas": 2}}) is None


def test_a_binding_is_named_as_karmada_names_it():
    named = {"name": "light-deployment", "namespace": "beacon"}

    assert failover.binding(LIGHT)["metadata"] == named


def test_a_new_share_is_asked_for_in_whole_seconds():
    moment = datetime(2026, 11, 27, 19, 30, 1, 999_999, tzinfo=UTC)

    assert failover.sharing_anew(moment) == {"spec": {"rescheduleTriggeredAt": "2026-11-27T19:30:01Z"}}
