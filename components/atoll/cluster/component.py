"""The component `Cluster`: one cluster, whichever driver brings it."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Any, NotRequired, TypedDict

import pulumi
from pulumi_kubernetes import Provider

from atoll.cluster import existing
from atoll.cluster.provider import kubernetes_provider
from atoll.cluster.resources import ExistingCluster, LocalCluster
from atoll.core.component import Component


class Driver(StrEnum):
    """Who brings the cluster: not its cloud (that is Karmada's `provider`) and not how it joins."""

    LOCAL = "local"
    KUBECONFIG = "kubeconfig"


class ClusterArgs(TypedDict):
    """The inputs of a `Cluster`."""

    driver: Driver
    """Who brings it."""
    nodes: NotRequired[int]
    """How many simulated nodes a local cluster has; 1 unless given."""
    lean: NotRequired[bool]
    """Whether a local cluster is an API server alone, on a store that lean ones share: no nodes, no controllers."""
    region: NotRequired[str]
    """The region that its nodes are labelled with."""
    zone: NotRequired[str]
    """The zone that its nodes are labelled with."""
    file: NotRequired[str]
    """The kubeconfig of an existing cluster, from the project's folder where it is relative."""
    kubeconfig: NotRequired[pulumi.Input[str]]
    """The kubeconfig of an existing cluster itself, in place of a file; credentials that it names have to be inside."""
    context: NotRequired[str]
    """The context in it; the current one unless given."""
    protect: NotRequired[bool]
    """Whether the engine refuses to delete it."""


class Cluster(Component):
    """One cluster. Its own Kubernetes provider is made only when a program asks for it."""

    access: pulumi.Output[str]
    """A kubeconfig with credentials inside; secret."""
    endpoint: pulumi.Output[str]
    """The address of the API server."""
    identifier: pulumi.Output[str]
    """The UID of kube-system."""

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self.driver = args["driver"]
        self.gate = made = _DRIVERS[self.driver](self, args)
        self.access = pulumi.Output.secret(made.access)
        self.endpoint = made.endpoint
        self.identifier = made.identifier
        self.ready = made.identifier
        self.register_outputs({"endpoint": self.endpoint, "identifier": self.identifier})

    @cached_property
    def kubernetes(self) -> Provider:
        """The provider for objects that a program puts into this cluster itself."""
        return _provider(self, "kubernetes")

    def provider_with(
        self, role: str, variables: Mapping[str, str], after: Sequence[pulumi.Resource]
    ) -> Provider:
        """Another such provider, whose plugin is given variables: {the environment's variable: the plugin's}."""
        return _provider(self, role, depends_on=after, env_var_mappings=dict(variables))


def _provider(cluster: Cluster, role: str, **more: Any) -> Provider:
    return kubernetes_provider(
        cluster.child(role),
        cluster.name,
        cluster.access,
        cluster.options(replace_with=[cluster.gate], **more),
        upsert=cluster.driver is Driver.LOCAL,
        skip_unreachable=True,
    )


def _local(cluster: Cluster, args: ClusterArgs) -> LocalCluster:
    inputs = {key: args.get(key) for key in ("region", "zone") if args.get(key)}
    if args.get("lean"):
        # Nodes that were asked for all the same are refused as they are checked.
        size = {"lean": True, **({"nodes": args["nodes"]} if "nodes" in args else {})}
    else:
        size = {"nodes": args.get("nodes", 1)}
    made = {"name": cluster.name, **size, **inputs}
    return LocalCluster(cluster.child("local"), made, _options(cluster, args))


def _existing(cluster: Cluster, args: ClusterArgs) -> ExistingCluster:
    made = existing.inputs(f"cluster {cluster.name}", cluster.name, args)
    return ExistingCluster(cluster.child("existing"), made, _options(cluster, args))


def _options(cluster: Cluster, args: ClusterArgs) -> pulumi.ResourceOptions:
    return cluster.options(additional_secret_outputs=["access"], protect=args.get("protect") or None)


_DRIVERS: dict[Driver, Callable[[Cluster, ClusterArgs], LocalCluster | ExistingCluster]] = {
    Driver.LOCAL: _local,
    Driver.KUBECONFIG: _existing,
}
