"""The one place that makes an inventory into components."""

from typing import Any, cast

from atoll.cluster import Cluster, ClusterArgs
from atoll.cluster.component import Driver
from atoll.federation import (
    ControlPlane,
    ControlPlaneArgs,
    Member,
    MemberArgs,
    Override,
    Patch,
    Propagation,
    PropagationArgs,
)
from atoll.federation.control_plane import ControlPlaneDriver
from atoll.platform import inventory


class Platform:
    """All components of one environment, each keyed by its name in the inventory."""

    def __init__(self, declared: inventory.Inventory) -> None:
        self.control_plane = ControlPlane(inventory.CONTROL_PLANE, _control_plane(declared.control_plane))
        self.clusters = {
            name: Cluster(name, _cluster(settings)) for name, settings in declared.clusters.items()
        }
        self.members = {
            name: Member(name, self._member(name, settings)) for name, settings in declared.clusters.items()
        }
        self.propagations = {
            name: Propagation(name, self._propagation(settings))
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

    def _member(self, name: str, settings: inventory.Cluster) -> MemberArgs:
        args = MemberArgs(
            control_plane=self.control_plane,
            access=self.clusters[name].access,
            labels=settings.labels,
        )
        if settings.region:
            args["region"] = settings.region
        if settings.zone:
            args["zone"] = settings.zone
        if settings.provider:
            args["provider"] = settings.provider
        return args

    def _propagation(self, settings: inventory.Propagation) -> PropagationArgs:
        return PropagationArgs(
            control_plane=self.control_plane,
            resources=settings.resources,
            clusters=settings.clusters,
            overrides=[_override(rule) for rule in settings.overrides],
            timeout_seconds=int(settings.timeout.total_seconds()),
        )


def _control_plane(settings: inventory.ControlPlane) -> ControlPlaneArgs:
    args = ControlPlaneArgs(driver=ControlPlaneDriver(settings.driver))
    _point(args, settings.kubeconfig)
    return args


def _cluster(settings: inventory.Cluster) -> ClusterArgs:
    args = ClusterArgs(driver=Driver(settings.driver))
    if settings.nodes is not None:
        args["nodes"] = settings.nodes
    if settings.region:
        args["region"] = settings.region
    if settings.zone:
        args["zone"] = settings.zone
    _point(args, settings.kubeconfig)
    return args


def _point(args: ControlPlaneArgs | ClusterArgs, kubeconfig: inventory.Kubeconfig | None) -> None:
    """Says where something that exists is found."""
    if kubeconfig:
        args["file"] = kubeconfig.file
        if kubeconfig.context:
            args["context"] = kubeconfig.context


def _override(rule: inventory.Override) -> Override:
    # The patches were checked as they were declared.
    patches = cast("tuple[Patch, ...]", rule.patches)
    return Override(resource=rule.resource, clusters=rule.clusters, patches=patches)
