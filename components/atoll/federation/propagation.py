"""The component `Propagation`: objects, where they go, what is different there, and the proof of arrival."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi

from atoll.cluster.objects import KubernetesObject
from atoll.core.component import Component
from atoll.federation import delivery, placement
from atoll.federation.control_plane import ControlPlane
from atoll.federation.resources import PropagationStatus

DEFAULT_TIMEOUT_SECONDS = 60
_FIRST = ("Namespace", "CustomResourceDefinition")
"""Kinds that others need to be there before they can be written."""


class Patch(TypedDict):
    """One change to a cluster's copy, as in RFC 6902."""

    op: str
    """add, replace or remove."""
    path: str
    """A JSON pointer."""
    value: NotRequired[Any]
    """What stands there then."""


class Override(TypedDict):
    """What is different about one object in some clusters."""

    resource: Mapping[str, Any]
    """The manifest that it belongs to, one of the propagation's."""
    clusters: Sequence[str]
    """The clusters that it is for."""
    patches: Sequence[Patch]
    """What is changed there, in this order."""


class PropagationArgs(TypedDict):
    """The inputs of a `Propagation`."""

    control_plane: ControlPlane
    """The plane that carries it."""
    resources: Sequence[Mapping[str, Any]]
    """Kubernetes manifests; apiVersion, kind and metadata are plain values, leaves may be outputs."""
    clusters: Sequence[str]
    """The names of the members that it goes to."""
    overrides: NotRequired[Sequence[Override]]
    """What is different in some of them."""
    timeout_seconds: NotRequired[int]
    """How long the gate waits for all clusters; 60 unless given."""


class Propagation(Component):
    """Objects on the plane that Karmada carries to members; ready when each of them runs what was written."""

    delivered: pulumi.Output[dict[str, int]]
    """For each cluster, how many objects it runs as they were written."""

    def __init__(self, name: str, args: PropagationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._plane, self._args = args["control_plane"], args
        resources = [dict(resource) for resource in args["resources"]]
        policies = [
            self._policy(resources),
            *(self._overrides(each) for each in resources if self._rules(each)),
        ]
        revisions = [self._revision(resource) for resource in resources]
        written = self._write(resources, revisions, policies)
        self.gate = status = PropagationStatus(
            self.child("status"),
            {
                "name": name,
                "access": self._plane.access,
                "objects": [
                    {**placement.selector(resource), "revision": revision}
                    for resource, revision in zip(resources, revisions, strict=True)
                ],
                "clusters": sorted(args["clusters"]),
                "timeoutSeconds": args.get("timeout_seconds", DEFAULT_TIMEOUT_SECONDS),
            },
            self.options(depends_on=written),
        )
        self.ready = status.id
        self.delivered = status.delivered
        self.register_outputs({"delivered": self.delivered})

    def _policy(self, resources: Sequence[dict[str, Any]]) -> KubernetesObject:
        manifest = placement.propagation_policy(self.name, resources, self._args["clusters"])
        return KubernetesObject(self.child("placement"), manifest, self._on_plane())

    def _rules(self, resource: Mapping[str, Any]) -> list[tuple[Sequence[str], Sequence[Any]]]:
        wanted = placement.selector(dict(resource))
        return [
            (override["clusters"], override["patches"])
            for override in self._args.get("overrides", [])
            if placement.selector(dict(override["resource"])) == wanted
        ]

    def _overrides(self, resource: dict[str, Any]) -> KubernetesObject:
        role = placement.role(resource)
        manifest = placement.override_policy(self.child(role), resource, self._rules(resource))
        return KubernetesObject(self.child(f"override-{role}"), manifest, self._on_plane())

    def _revision(self, resource: Mapping[str, Any]) -> pulumi.Output[str]:
        """What tells this write from every other: the object and all that is different about it somewhere."""
        content = pulumi.Output.json_dumps([resource, self._rules(resource)], sort_keys=True)
        return content.apply(lambda text: hashlib.sha256(text.encode()).hexdigest()[:16])

    def _write(
        self,
        resources: Sequence[dict[str, Any]],
        revisions: Sequence[pulumi.Output[str]],
        policies: Sequence[pulumi.Resource],
    ) -> list[KubernetesObject]:
        written: list[KubernetesObject] = []
        for early in (True, False):
            before = [*policies, *written]
            for resource, revision in zip(resources, revisions, strict=True):
                if (resource["kind"] in _FIRST) is early:
                    manifest = placement.template(resource)
                    manifest["metadata"]["annotations"][delivery.REVISION] = revision
                    options = self._on_plane(depends_on=before)
                    # Named by the plane that it lies on, not by this propagation: an object that moves to
                    # another one, or whose propagation is renamed, stays the same resource and is not deleted.
                    name = self._plane.child(placement.role(resource))
                    written.append(KubernetesObject(name, manifest, options))
        return written

    def _on_plane(self, **more: Any) -> pulumi.ResourceOptions:
        return self.options(provider=self._plane.kubernetes, deleted_with=self._plane.dies_with, **more)
