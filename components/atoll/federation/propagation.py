"""The component `Propagation`: objects, where they go, what is different there, and the proof of arrival."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi

from atoll.cluster.objects import KubernetesObject
from atoll.core.component import Component
from atoll.core.errors import ArgsError
from atoll.federation import concealed, failover, placement
from atoll.federation.control_plane import ControlPlane
from atoll.federation.resources import PropagationStatus
from atoll.federation.revised import Revised

DEFAULT_TIMEOUT_SECONDS = 60


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
    failover: NotRequired[bool]
    """Whether the replicas of its Deployments are shared out over the clusters, and leave one that fails; false unless given.

    The plane has to be a local one: others do not let what stands on a cluster that fails go.
    """


class Propagation(Component):
    """Objects on the plane that Karmada carries to members; ready when each of them runs what was written."""

    delivered: pulumi.Output[dict[str, int]]
    """For each cluster, how many objects it runs as they were written."""

    def __init__(self, name: str, args: PropagationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._plane, self._args = args["control_plane"], args
        objects = Revised.all(args["resources"], args.get("overrides", []))
        staying, moving = self._parted(objects)
        placements = [*self._placement(staying), *self._failover(moving)]
        policies = [*placements, *(self._overrides(each) for each in objects if each.rules)]
        self._written = self._write(objects, policies)
        self.gate = status = PropagationStatus(
            self.child("status"),
            {
                "name": name,
                "access": self._plane.access,
                "objects": [each.expectation for each in objects],
                "clusters": sorted(args["clusters"]),
                "timeoutSeconds": args.get("timeout_seconds", DEFAULT_TIMEOUT_SECONDS),
                **({"failover": True} if moving else {}),
            },
            self.options(depends_on=list(self._written.values())),
        )
        self.ready = status.id
        self.delivered = status.delivered
        self.register_outputs({"delivered": self.delivered})

    def resource_of(self, manifest: Mapping[str, Any]) -> pulumi.Resource | None:
        """The resource of one of its objects, for what must wait for that one and not for all; None for a stranger."""
        return self._written.get(placement.role(dict(manifest)))

    def _parted(self, objects: Sequence[Revised]) -> tuple[list[Revised], list[Revised]]:
        """What stays where it is, and what moves from a cluster that fails."""
        if not self._args.get("failover"):
            return list(objects), []
        moving = [each for each in objects if placement.moves(each.manifest)]
        if problem := failover.problem([each.manifest for each in moving], self._args["clusters"]):
            raise ArgsError(f"{self.name}: failover: found true; expected {problem}")
        for each in moving:
            if failover.sets_replicas(patch for _, patches in each.rules for patch in patches):
                raise ArgsError(f"{self.name}: failover: {failover.uneven(each.manifest)}")
        return [each for each in objects if each not in moving], moving

    def _placement(self, staying: Sequence[Revised]) -> Iterator[KubernetesObject]:
        if staying:
            manifests = [each.manifest for each in staying]
            policy = placement.propagation_policy(self.name, manifests, self._args["clusters"])
            yield KubernetesObject(self.child("placement"), policy, self._on_plane())

    def _failover(self, moving: Sequence[Revised]) -> Iterator[KubernetesObject]:
        if moving:
            name, clusters = self.child(failover.FAILOVER), self._args["clusters"]
            manifests = [each.manifest for each in moving]
            taint = placement.taint_policy(name, clusters)
            yield KubernetesObject(self.child("taint"), taint, self._on_plane())
            policy = placement.failover_policy(name, manifests, clusters)
            yield KubernetesObject(name, policy, self._on_plane())

    def _overrides(self, each: Revised) -> KubernetesObject:
        role = placement.role(each.manifest)
        policy = placement.override_policy(self.child(role), each.manifest, each.marked_rules)
        return KubernetesObject(self.child(f"override-{role}"), policy, self._on_plane())

    def _write(
        self, objects: Sequence[Revised], policies: Sequence[pulumi.Resource]
    ) -> dict[str, KubernetesObject]:
        written: dict[str, KubernetesObject] = {}
        for early in (True, False):
            before = [*policies, *written.values(), *self._args.get("after", ())]
            for each in objects:
                if (each.manifest["kind"] in placement.FIRST) is early:
                    # Named by the plane that it lies on, not by this propagation: an object that moves to
                    # another one, or whose propagation is renamed, stays the same resource and is not deleted.
                    role = placement.role(each.manifest)
                    name = self._plane.child(role)
                    template = each.marked(placement.template(concealed.written(each.manifest)))
                    written[role] = KubernetesObject(name, template, self._on_plane(depends_on=before))
        return written

    def _on_plane(self, **more: Any) -> pulumi.ResourceOptions:
        return self.options(provider=self._plane.kubernetes, deleted_with=self._plane.dies_with, **more)
