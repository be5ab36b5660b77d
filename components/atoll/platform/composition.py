"""The one place that makes an inventory into components."""

from typing import Any

import pulumi

from atoll.cluster import Cluster, ClusterArgs
from atoll.cluster.component import Driver
from atoll.federation import (
    ControlPlane,
    ControlPlaneArgs,
    Member,
    MemberArgs,
    Override,
    Propagation,
    PropagationArgs,
)
from atoll.federation.control_plane import ControlPlaneDriver
from atoll.platform import inventory

CONTROL_PLANE = "control-plane"
"""The name of the control plane, beside those of the clusters."""


class Platform:
    """All components of one environment, each keyed by its name in the inventory."""

    def __init__(self, declared: inventory.Inventory) -> None:
        self.control_plane = ControlPlane(CONTROL_PLANE, _control_plane(declared.control_plane))
        self.clusters = {
            name: Cluster(name, _cluster(settings)) for name, settings in declared.clusters.items()
        }
        self.members = {
            name: Member(name, _member(settings, self.clusters[name], self.control_plane))
            for name, settings in declared.clusters.items()
        }
        self.propagations = {
            name: Propagation(name, _propagation(settings, self.control_plane))
            for name, settings in declared.propagations.items()
        }

    @property
    def outputs(self) -> dict[str, Any]:
        """What the stack exports; addresses and identities, nothing secret."""
        return {
            "controlPlane": {"endpoint": self.control_plane.endpoint},
            "clusters": {
                name: {"endpoint": cluster.endpoint, "identifier": cluster.identifier}
                for name, cluster in self.clusters.items()
            },
        }




def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _control_plane(settings: inventory.ControlPlane) -> ControlPlaneArgs:
    existing = settings.kubeconfig
    found = _given(file=existing.file, context=existing.context) if existing else {}
    return ControlPlaneArgs(driver=ControlPlaneDriver(settings.driver), **found)


def _cluster(settings: inventory.Cluster) -> ClusterArgs:
    existing = settings.kubeconfig
    found = _given(file=existing.file, context=existing.context) if existing else {}
    places = _given(region=settings.region, zone=settings.zone)
    return ClusterArgs(driver=Driver(settings.driver), nodes=settings.nodes, **places, **found)


def _member(settings: inventory.Cluster, cluster: Cluster, plane: ControlPlane) -> MemberArgs:
    places = _given(region=settings.region, zone=settings.zone, provider=settings.provider)
    return MemberArgs(control_plane=plane, access=cluster.access, labels=dict(settings.labels), **places)


def _propagation(settings: inventory.Propagation, plane: ControlPlane) -> PropagationArgs:
    return PropagationArgs(
        control_plane=plane,
        resources=settings.resources,
        clusters=settings.clusters,
        overrides=[
            Override(resource=rule.resource, clusters=rule.clusters, patches=rule.patches)
            for rule in settings.overrides
        ],
        timeout_seconds=int(settings.timeout.total_seconds()),
    )
