"""The component `Propagation` with `failover`: what its policies say, and what its gate is told."""

from typing import cast

import pytest

from atoll.core.errors import ArgsError
from atoll.federation import ControlPlane, ControlPlaneArgs, Propagation, PropagationArgs
from atoll.federation.control_plane import ControlPlaneDriver
from atoll.testing import plain, recording
from harness import bundles

NAMESPACE, NOTE = bundles.namespace("fleet"), bundles.config("note", "fleet", text="1")
FERRY = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "ferry", "namespace": "fleet"},
    "spec": {"replicas": 4},
}


def _recorded(found, **more):
    def program():
        plane = ControlPlane("plane", ControlPlaneArgs(driver=ControlPlaneDriver.LOCAL))
        args = PropagationArgs(control_plane=plane, resources=found, clusters=["reef", "lagoon"])
        Propagation("guard", args | cast("PropagationArgs", {"failover": True, **more}))

    return recording.record(program, "dev")


def _selected(found, kind):
    """The kinds that each policy of a kind selects, by its name."""
    return {
        made.request.name: [each["kind"] for each in plain(made.inputs)["spec"]["resourceSelectors"]]
        for made in found.of_type(f":{kind}")
    }


def test_what_moves_and_what_stays_have_a_placement_each():
    found = _recorded([NAMESPACE, NOTE, FERRY])

    assert _selected(found, "ClusterPropagationPolicy") == {
        "guard-placement": ["Namespace", "ConfigMap"],
        "guard-failover": ["Deployment"],
    }
    (taint,), (gate,) = found.of_type(":ClusterTaintPolicy"), found.of_type(":PropagationStatus")
    assert plain(taint.inputs)["spec"]["targetClusters"] == {"clusterNames": ["lagoon", "reef"]}
    assert plain(gate.inputs)["failover"] is True


def test_without_it_all_is_placed_together_and_nothing_is_tainted():
    found = _recorded([NAMESPACE, FERRY], failover=False)

    assert _selected(found, "ClusterPropagationPolicy") == {"guard-placement": ["Namespace", "Deployment"]}
    assert found.of_type(":ClusterTaintPolicy") == []
    assert "failover" not in plain(found.of_type(":PropagationStatus")[0].inputs)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"resources": [NAMESPACE]}, "expected a Deployment"),
        ({"clusters": ["reef"]}, "expected two clusters or more"),
        (
            {
                "overrides": [
                    {
                        "resource": FERRY,
                        "clusters": ["reef"],
                        "patches": [{"op": "replace", "path": "/spec/replicas", "value": 1}],
                    }
                ]
            },
            "found replicas of Deployment fleet/ferry that differ by cluster",
        ),
    ],
    ids=["nothing-moves", "nowhere-to-go", "differs"],
)
def test_what_cannot_be_is_refused(more, said):
    with pytest.raises(ArgsError, match=said):
        _recorded([NAMESPACE, FERRY], **more)
