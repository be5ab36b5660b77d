"""The component `ControlPlane`: a Karmada, whichever driver brings it."""

from enum import StrEnum
from typing import NotRequired, TypedDict

import pulumi

from atoll.cluster import existing
from atoll.cluster.provider import kubernetes_provider
from atoll.cluster.resources import ExistingCluster
from atoll.core.component import Component
from atoll.federation.resources import LocalControlPlane

PROVIDER = "kubernetes"
"""What its Kubernetes provider is to it."""


class ControlPlaneDriver(StrEnum):
    """Who brings the control plane."""

    LOCAL = "local"
    KUBECONFIG = "kubeconfig"


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
        local = args["driver"] == ControlPlaneDriver.LOCAL
        self.gate = made = self._local(args) if local else self._existing(args)
        self.access = pulumi.Output.secret(made.access)
        self.endpoint = made.endpoint
        self.identifier = made.identifier
        self.ready = made.identifier
        self.dies_with: pulumi.Resource | None = made if local else None
        """What takes the objects on the plane along when it goes; an existing Karmada never does."""
        self.kubernetes = kubernetes_provider(
            self.child(PROVIDER),
            name,
            self.access,
            self.options(replace_with=[made]),
            upsert=local,
        )
        outputs = {"access": self.access, "endpoint": self.endpoint, "identifier": self.identifier}
        self.register_outputs(outputs)

    def _local(self, args: ControlPlaneArgs) -> LocalControlPlane:
        return LocalControlPlane(self.child("local"), {"name": self.name}, self._options(args))

    def _existing(self, args: ControlPlaneArgs) -> ExistingCluster:
        made = existing.inputs(f"control plane {self.name}", self.name, args)
        return ExistingCluster(self.child("existing"), made, self._options(args))

    def _options(self, args: ControlPlaneArgs) -> pulumi.ResourceOptions:
        return self.options(additional_secret_outputs=["access"], protect=args.get("protect") or None)
