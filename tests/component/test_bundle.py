"""The component `Bundle`: what its delivery is told."""

from typing import cast

from atoll.federation import Bundle, BundleArgs, ConflictResolution, ControlPlane, ControlPlaneArgs
from atoll.federation.control_plane import ControlPlaneDriver
from atoll.federation.delivery import REVISION
from atoll.federation.works import BUNDLE
from atoll.testing import plain, recording
from harness import bundles

NAMESPACE, NOTE = bundles.namespace("fleet"), bundles.config("note", "fleet", text="1")


def _made(resources, **more):
    def program():
        plane = ControlPlane("plane", ControlPlaneArgs(driver=ControlPlaneDriver.LOCAL))
        args = BundleArgs(control_plane=plane, resources=resources, clusters=["reef", "lagoon"])
        Bundle("guard", args | cast("BundleArgs", more))

    found = recording.record(program, "dev")
    (made,) = found.of_type(":BundleDelivery")
    return made


def test_a_bundle_is_one_resource_whatever_it_carries_and_wherever_to():
    made = _made([NOTE, NAMESPACE])

    inputs = plain(made.inputs)
    assert made.urn.endswith("atoll:index:Bundle$atoll:index:BundleDelivery::guard-delivery")
    assert made.request.deletedWith.endswith("::plane-local")
    assert inputs["clusters"] == ["lagoon", "reef"]
    assert inputs["conflictResolution"] == "abort"
    assert inputs["timeoutSeconds"] == 60
    # Who needs a namespace comes after it, since Karmada writes them in this order.
    assert [each["kind"] for each in inputs["manifests"]] == ["Namespace", "ConfigMap"]
    for manifest, wanted in zip(inputs["manifests"], inputs["objects"], strict=True):
        assert manifest["metadata"]["labels"][BUNDLE] == "guard"
        assert manifest["metadata"]["annotations"][REVISION] == wanted["revision"]


def test_an_override_leaves_a_revision_of_its_own_in_its_clusters():
    patch = {"op": "replace", "path": "/data/text", "value": "2"}
    override = {"resource": NOTE, "clusters": ["reef"], "patches": [patch]}

    inputs = plain(_made([NAMESPACE, NOTE], overrides=[override]).inputs)

    (rule,) = inputs["overrides"]
    own = inputs["objects"][1]["revisions"]["reef"]
    assert own != inputs["objects"][1]["revision"]
    assert rule == {
        "object": 1,
        "clusters": ["reef"],
        "patches": [
            patch,
            {"op": "replace", "path": "/metadata/annotations/atoll.dev~1revision", "value": own},
        ],
    }


def test_the_revision_of_what_did_not_change_stays():
    before, after = (
        plain(_made([NAMESPACE, each]).inputs) for each in (NOTE, {**NOTE, "data": {"text": "2"}})
    )

    assert before["objects"][0] == after["objects"][0]
    assert before["objects"][1] != after["objects"][1]


def test_taking_over_what_is_there_is_said():
    assert (
        plain(_made([NOTE], conflict_resolution=ConflictResolution.OVERWRITE).inputs)["conflictResolution"]
        == "overwrite"
    )
