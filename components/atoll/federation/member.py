"""The component `Member`: one cluster's membership, in push mode."""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import pulumi

from atoll.cluster.objects import KubernetesObject
from atoll.core import naming
from atoll.core.component import Component
from atoll.federation.control_plane import ControlPlane
from atoll.federation.joining import CLUSTER_NAMESPACE, SYSTEM_LABEL, impersonator_secret
from atoll.federation.resources import MemberAccess, MemberStatus

_LEAVE_LIMIT = "5m"
"""Karmada notices after 40 s that a member is dead, and only then gives up on clearing it."""


class MemberArgs(TypedDict):
    """The inputs of a `Member`."""

    control_plane: ControlPlane
    """Where it joins."""
    access: pulumi.Input[str]
    """A kubeconfig of the member's administrator, with credentials inside."""
    region: NotRequired[str]
    """The region that placements choose by."""
    zone: NotRequired[str]
    """The zone that placements choose by."""
    provider: NotRequired[str]
    """Karmada's word for the cloud that the cluster runs in."""
    labels: NotRequired[Mapping[str, str]]
    """Labels of the Cluster object, for placements."""
    protect: NotRequired[bool]
    """Whether the engine refuses to let it leave. Who leaves loses everything that came by the plane."""


class Member(Component):
    """A cluster in the federation. Its removal goes plane first: Karmada clears the member, then forgets it."""

    identifier: pulumi.Output[str]
    """The UID of the member's kube-system."""

    def __init__(self, name: str, args: MemberArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._plane = args["control_plane"]
        access = MemberAccess(
            self.child("access"),
            {"name": name, "access": args["access"]},
            self.options(additional_secret_outputs=["token", "impersonatorToken"]),
        )
        secrets = [
            self._secret("token", name, {"caBundle": access.authority, "token": access.token}),
            self._secret("impersonator", impersonator_secret(name), {"token": access.impersonatorToken}),
        ]
        cluster = self._cluster(access, args, secrets)
        self.gate = status = MemberStatus(
            self.child("status"),
            {"name": name, "access": self._plane.access},
            self.options(depends_on=[cluster]),
        )
        self.identifier = access.identifier
        self.ready = status.id
        self.register_outputs({"identifier": self.identifier})

    def _secret(self, role: str, name: str, data: dict[str, pulumi.Input[str]]) -> KubernetesObject:
        # Karmada reads these two by name; without an owner reference, Pulumi orders their end.
        manifest = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": self._metadata(name, namespace=CLUSTER_NAMESPACE),
            # Secret as a whole, as a provider has it that knows its cluster: a plan may be made before there is one.
            "stringData": pulumi.Output.secret(data),
        }
        options = self.options(provider=self._plane.kubernetes, deleted_with=self._plane.dies_with)
        return KubernetesObject(self.child(role), manifest, options)

    def _cluster(
        self, access: MemberAccess, args: MemberArgs, secrets: list[KubernetesObject]
    ) -> KubernetesObject:
        reference = {"namespace": CLUSTER_NAMESPACE}
        places = {
            "provider": args.get("provider"),
            "region": args.get("region"),
            "zones": [zone] if (zone := args.get("zone")) else None,
        }
        spec = {
            "id": access.identifier,
            "apiEndpoint": access.endpoint,
            "syncMode": "Push",
            "secretRef": {**reference, "name": self.name},
            "impersonatorSecretRef": {**reference, "name": impersonator_secret(self.name)},
            **{key: value for key, value in places.items() if value},
        }
        # Whether it is Ready is asked by a gate of our own, which does not wait for one that is dead.
        annotations = {"pulumi.com/skipAwait": "true"}
        manifest = {
            "apiVersion": "cluster.karmada.io/v1alpha1",
            "kind": "Cluster",
            "metadata": self._metadata(self.name, labels=args.get("labels") or {}, annotations=annotations),
            "spec": spec,
        }
        # Never deleted with the plane: its finalizer is what clears a member that goes on living.
        options = self.options(
            depends_on=secrets,
            provider=self._plane.kubernetes,
            protect=args.get("protect") or None,
            custom_timeouts=pulumi.CustomTimeouts(delete=_LEAVE_LIMIT),
        )
        return KubernetesObject(self.child("cluster"), manifest, options)

    def _metadata(self, name: str, **more: Any) -> dict[str, Any]:
        labels = {**SYSTEM_LABEL, naming.MARK: naming.PACKAGE, **more.pop("labels", {})}
        return {"name": name, "labels": labels, **more}
