"""The component `Propagation`: objects, where they go, what is different there, and the proof of arrival."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi

from atoll.cluster.objects import KubernetesObject
from atoll.core.component import Component
from atoll.federation import concealed, delivery, placement
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
    """Kubernetes manifests; apiVersion, kind and metadata are plain values, leaves may be outputs.

    A secret leaf is a `Concealed`: its revision stands open in every copy.
    """
    clusters: Sequence[str]
    """The names of the members that it goes to."""
    overrides: NotRequired[Sequence[Override]]
    """What is different in some of them."""
    after: NotRequired[Sequence[pulumi.Resource]]
    """What must be on the plane before its objects can be: a namespace that another propagation brings."""
    timeout_seconds: NotRequired[int]
    """How long the gate waits for all clusters; 60 unless given."""


class Propagation(Component):
    """Objects on the plane that Karmada carries to members; ready when each of them runs what was written."""

    delivered: pulumi.Output[dict[str, int]]
    """For each cluster, how many objects it runs as they were written."""

    def __init__(self, name: str, args: PropagationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._plane, self._args = args["control_plane"], args
        objects = [self._object(dict(resource)) for resource in args["resources"]]
        policies = [self._placement(objects), *(self._overrides(each) for each in objects if each.rules)]
        self._written = self._write(objects, policies)
        self.gate = status = PropagationStatus(
            self.child("status"),
            {
                "name": name,
                "access": self._plane.access,
                "objects": [each.expectation for each in objects],
                "clusters": sorted(args["clusters"]),
                "timeoutSeconds": args.get("timeout_seconds", DEFAULT_TIMEOUT_SECONDS),
            },
            self.options(depends_on=list(self._written.values())),
        )
        self.ready = status.id
        self.delivered = status.delivered
        self.register_outputs({"delivered": self.delivered})

    def resource_of(self, manifest: Mapping[str, Any]) -> pulumi.Resource | None:
        """The resource of one of its objects, for what must wait for that one and not for all; None for a stranger."""
        return self._written.get(placement.role(dict(manifest)))

    def _object(self, manifest: dict[str, Any]) -> "_Object":
        selected = placement.selector(manifest)
        rules = [
            (override["clusters"], override["patches"])
            for override in self._args.get("overrides", [])
            if placement.selector(dict(override["resource"])) == selected
        ]
        return _Object(manifest, placement.disjoint(rules))

    def _placement(self, objects: Sequence["_Object"]) -> KubernetesObject:
        manifests = [each.manifest for each in objects]
        policy = placement.propagation_policy(self.name, manifests, self._args["clusters"])
        return KubernetesObject(self.child("placement"), policy, self._on_plane())

    def _overrides(self, each: "_Object") -> KubernetesObject:
        role = placement.role(each.manifest)
        policy = placement.override_policy(self.child(role), each.manifest, each.marked_rules)
        return KubernetesObject(self.child(f"override-{role}"), policy, self._on_plane())

    def _write(
        self, objects: Sequence["_Object"], policies: Sequence[pulumi.Resource]
    ) -> dict[str, KubernetesObject]:
        written: dict[str, KubernetesObject] = {}
        for early in (True, False):
            before = [*policies, *written.values(), *self._args.get("after", ())]
            for each in objects:
                if (each.manifest["kind"] in _FIRST) is early:
                    # Named by the plane that it lies on, not by this propagation: an object that moves to
                    # another one, or whose propagation is renamed, stays the same resource and is not deleted.
                    role = placement.role(each.manifest)
                    name = self._plane.child(role)
                    written[role] = KubernetesObject(name, each.template, self._on_plane(depends_on=before))
        return written

    def _on_plane(self, **more: Any) -> pulumi.ResourceOptions:
        return self.options(provider=self._plane.kubernetes, deleted_with=self._plane.dies_with, **more)


class _Object:
    """One object with what is different about it somewhere, each variant with a revision of its own.

    A revision depends on content alone: a cluster that joins a group changes nothing for those that are in it.
    """

    def __init__(self, manifest: dict[str, Any], rules: Sequence[placement.Rule]) -> None:
        self.manifest, self.rules = manifest, rules
        self._revision = self._digest(())
        self._revisions = [self._digest(patches) for _, patches in rules]

    @property
    def template(self) -> dict[str, Any]:
        """What is written on the plane."""
        found = placement.template(concealed.written(self.manifest))
        found["metadata"]["annotations"][delivery.REVISION] = self._revision
        return found

    @property
    def marked_rules(self) -> list[placement.Rule]:
        """The rules, each of which leaves its own revision."""
        path = "/metadata/annotations/" + delivery.REVISION.replace("/", "~1")
        return [
            (clusters, [*patches, {"op": "replace", "path": path, "value": revision}])
            for (clusters, patches), revision in zip(self.rules, self._revisions, strict=True)
        ]

    @property
    def expectation(self) -> dict[str, Any]:
        """What the gate waits for."""
        different = {
            cluster: revision
            for (clusters, _), revision in zip(self.rules, self._revisions, strict=True)
            for cluster in clusters
        }
        found = {**placement.selector(self.manifest), "revision": self._revision}
        return found | ({"revisions": different} if different else {})

    def _digest(self, patches: Sequence[Mapping[str, Any]]) -> pulumi.Output[str]:
        content = pulumi.Output.json_dumps(concealed.shown([self.manifest, list(patches)]), sort_keys=True)
        return content.apply(lambda text: hashlib.sha256(text.encode()).hexdigest()[:16])
