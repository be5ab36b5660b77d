"""The component `Bundle`: policies for a group of clusters, carried as one Work for each member."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi

from atoll.core import naming
from atoll.core.component import Component
from atoll.federation import placement, works
from atoll.federation.control_plane import ControlPlane
from atoll.federation.propagation import Override
from atoll.federation.resources import BundleDelivery
from atoll.federation.revised import Revised
from atoll.federation.works import ConflictResolution

DEFAULT_TIMEOUT_SECONDS = 60


class BundleArgs(TypedDict):
    """The inputs of a `Bundle`."""

    control_plane: ControlPlane
    """The plane that carries it."""
    resources: Sequence[Mapping[str, Any]]
    """Kubernetes manifests; apiVersion, kind and metadata are plain values, leaves may be outputs.

    No Secrets: what a bundle carries lies open in the state and in its Works.
    """
    clusters: Sequence[str]
    """The names of the members that it goes to."""
    overrides: NotRequired[Sequence[Override]]
    """What is different in some of them."""
    conflict_resolution: NotRequired[ConflictResolution]
    """What happens where a member has an object that Karmada did not make; abort (it stays as it is) unless given."""
    timeout_seconds: NotRequired[int]
    """How long each member is waited for; 60 unless given."""


class Bundle(Component):
    """Objects in one Work for each member; ready when each member has what was written."""

    delivered: pulumi.Output[dict[str, int]]
    """For each cluster, how many objects it has as they were written."""

    def __init__(self, name: str, args: BundleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        plane = args["control_plane"]
        objects = sorted(
            Revised.all(args["resources"], args.get("overrides", [])),
            key=lambda each: each.manifest["kind"] not in placement.FIRST,
        )
        self.gate = delivery = BundleDelivery(
            self.child("delivery"),
            {
                "name": name,
                "access": plane.access,
                "objects": [each.expectation for each in objects],
                "manifests": [each.marked(_labelled(name, each.manifest)) for each in objects],
                "overrides": [rule for index, each in enumerate(objects) for rule in _overrides(index, each)],
                "clusters": sorted(args["clusters"]),
                "conflictResolution": str(args.get("conflict_resolution", ConflictResolution.ABORT)),
                "timeoutSeconds": args.get("timeout_seconds", DEFAULT_TIMEOUT_SECONDS),
            },
            self.options(deleted_with=plane.dies_with),
        )
        self.ready = delivery.id
        self.delivered = delivery.delivered
        self.register_outputs({"delivered": self.delivered})


def _labelled(name: str, manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest with the marks by which it is found in a member."""
    metadata = dict(manifest["metadata"])
    labels = {naming.MARK: naming.PACKAGE, **(metadata.get("labels") or {}), works.BUNDLE: name}
    annotations = dict(metadata.get("annotations") or {})
    return {**manifest, "metadata": {**metadata, "labels": labels, "annotations": annotations}}


def _overrides(index: int, each: Revised) -> list[dict[str, Any]]:
    """The rules of one object, named by its place."""
    return [
        {"object": index, "clusters": sorted(clusters), "patches": list(patches)}
        for clusters, patches in each.marked_rules
    ]
