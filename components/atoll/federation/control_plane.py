"""The component `ControlPlane`: a Karmada, whichever driver brings it."""

from enum import StrEnum
from typing import Any, NotRequired, TypedDict, assert_never

import pulumi

from atoll import toolchain
from atoll.cluster import existing
from atoll.cluster.provider import kubernetes_provider
from atoll.cluster.resources import ExistingCluster
from atoll.core.component import Component
from atoll.core.errors import ArgsError
from atoll.federation.chart import ASSET
from atoll.federation.resources import ChartControlPlane, LocalControlPlane

PROVIDER = "kubernetes"
"""What its Kubernetes provider is to it."""
NAMESPACE, REPLICAS, STORAGE_SIZE, TIMEOUT_SECONDS = "karmada-system", 3, "8Gi", 600
"""What a control plane by its chart is unless it is told otherwise."""


class ControlPlaneDriver(StrEnum):
    """Who brings the control plane."""

    LOCAL = "local"
    KUBECONFIG = "kubeconfig"
    CHART = "chart"


class ControlPlaneArgs(TypedDict):
    """The inputs of a `ControlPlane`."""

    driver: ControlPlaneDriver
    """Who brings it."""
    file: NotRequired[str]
    """The kubeconfig of an existing Karmada's API server, from the project's folder where it is relative."""
    kubeconfig: NotRequired[pulumi.Input[str]]
    """That kubeconfig itself, in place of a file: another stack's output. Credentials that it names have to be inside."""
    context: NotRequired[str]
    """The context in it; the current one unless given."""
    cluster: NotRequired[pulumi.Input[str]]
    """The kubeconfig of the cluster that the chart is put onto: a Cluster's access."""
    endpoint: NotRequired[str]
    """The address that the chart's API server is reached by, https://HOST:PORT; its certificate is made for it."""
    namespace: NotRequired[str]
    """The chart's own namespace in that cluster; karmada-system unless given."""
    replicas: NotRequired[int]
    """How many copies of each of the chart's programs there are, and members of its etcd; 3 unless given."""
    storage_class: NotRequired[str]
    """The storage class of etcd's volumes; the cluster's default unless given."""
    storage_size: NotRequired[str]
    """The size of each of etcd's volumes; 8Gi unless given."""
    values: NotRequired[dict[str, Any]]
    """Values of the chart over Atoll's: resources, a registry of one's own. Certificates are always Atoll's."""
    timeout_seconds: NotRequired[int]
    """How long the chart's plane is waited for; 600 unless given."""
    protect: NotRequired[bool]
    """Whether the engine refuses to delete it."""


class ControlPlane(Component):
    """A Karmada control plane and the one Kubernetes provider for it."""

    access: pulumi.Output[str]
    """A kubeconfig with credentials inside; secret."""
    endpoint: pulumi.Output[str]
    """The address of the API server."""
    identifier: pulumi.Output[str]
    """The UID of kube-system."""

    def __init__(self, name: str, args: ControlPlaneArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        owned = args["driver"] != ControlPlaneDriver.KUBECONFIG
        self.gate = made = self._made(args)
        self.access = pulumi.Output.secret(made.access)
        self.endpoint = made.endpoint
        self.identifier = made.identifier
        self.ready = made.identifier
        self.dies_with: pulumi.Resource | None = made if owned else None
        """What takes the objects on the plane along when it goes; an existing Karmada never does."""
        self.kubernetes = kubernetes_provider(
            self.child(PROVIDER),
            name,
            self.access,
            self.options(replace_with=[made]),
            upsert=args["driver"] == ControlPlaneDriver.LOCAL,
        )
        outputs = {"access": self.access, "endpoint": self.endpoint, "identifier": self.identifier}
        self.register_outputs(outputs)

    def _made(self, args: ControlPlaneArgs) -> LocalControlPlane | ExistingCluster | ChartControlPlane:
        match ControlPlaneDriver(args["driver"]):
            case ControlPlaneDriver.LOCAL:
                return self._local(args)
            case ControlPlaneDriver.KUBECONFIG:
                return self._existing(args)
            case ControlPlaneDriver.CHART:
                return self._chart(args)
            case unknown:
                assert_never(unknown)

    def _local(self, args: ControlPlaneArgs) -> LocalControlPlane:
        return LocalControlPlane(self.child("local"), {"name": self.name}, self._options(args))

    def _existing(self, args: ControlPlaneArgs) -> ExistingCluster:
        made = existing.inputs(f"control plane {self.name}", self.name, args)
        return ExistingCluster(self.child("existing"), made, self._options(args))

    def _chart(self, args: ControlPlaneArgs) -> ChartControlPlane:
        if "cluster" not in args or "endpoint" not in args:
            raise ArgsError(
                f"control plane {self.name}: found no cluster, or no endpoint; expected both (the chart is put onto the one "
                "and reached by the other)"
            )
        inputs = {
            "name": self.name,
            "cluster": pulumi.Output.secret(args["cluster"]),
            "endpoint": args["endpoint"].rstrip("/"),
            "namespace": args.get("namespace", NAMESPACE),
            "replicas": args.get("replicas", REPLICAS),
            "storageClass": args.get("storage_class"),
            "storageSize": args.get("storage_size", STORAGE_SIZE),
            "values": args.get("values"),
            "timeoutSeconds": args.get("timeout_seconds", TIMEOUT_SECONDS),
            "version": toolchain.table().assets[ASSET].version,
            "drifted": [],
        }
        return ChartControlPlane(self.child("chart"), inputs, self._options(args))

    def _options(self, args: ControlPlaneArgs) -> pulumi.ResourceOptions:
        return self.options(additional_secret_outputs=["access"], protect=args.get("protect") or None)
