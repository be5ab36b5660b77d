"""The component `Registry`: where images and charts are kept, on this machine or in a cloud."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi

from atoll.core.component import Component
from atoll.core.errors import ArgsError
from atoll.registry.kinds import REGISTRY_ONLY, RegistryKind
from atoll.registry.resources import EcrRegistry, LocalRegistry

USERS = ("atoll",)
"""Who may push to and pull from a registry of this machine, unless somebody is named."""


class ReplicationDestination(TypedDict):
    """Where images are copied to."""

    region: str
    """The region of the other registry."""
    account: NotRequired[str]
    """Its account's number; the registry's own unless given."""


class ReplicationRule(TypedDict):
    """Which images are copied to where."""

    destinations: Sequence[ReplicationDestination]
    """Where to."""
    prefixes: NotRequired[Sequence[str]]
    """How the names of the repositories begin; all unless given."""


class PullThroughCache(TypedDict):
    """An upstream registry whose images are kept as they are asked for."""

    upstream: str
    """Its host: public.ecr.aws, registry.k8s.io, quay.io, registry-1.docker.io and the like."""
    credential: NotRequired[str]
    """The ARN of the login in Secrets Manager, whose name begins with ecr-pullthroughcache/."""


class RegistryArgs(TypedDict):
    """The inputs of a `Registry`."""

    kind: RegistryKind
    """Who keeps the images."""
    users: NotRequired[Sequence[str]]
    """Of one of this machine: who may push and pull. Atoll makes their passwords; all have the same rights."""
    force_delete: NotRequired[bool]
    """Of one of this machine: whether it is removed with the images that it holds. They are lost then."""
    region: NotRequired[str]
    """Of ECR: where it is; the engine's AWS_REGION unless given."""
    endpoint: NotRequired[str]
    """Of ECR: the address of one that is not Amazon's; the engine's AWS_ENDPOINT_URL_ECR unless given."""
    replication: NotRequired[Sequence[ReplicationRule]]
    """Of ECR: what is copied to other registries. Rules that others made stay."""
    pull_through_cache: NotRequired[Mapping[str, PullThroughCache]]
    """Of ECR: {prefix: upstream}."""
    protect: NotRequired[bool]
    """Whether the engine refuses to delete it."""


class Registry(Component):
    """One registry. What it keeps is in its repositories."""

    address: pulumi.Output[str]
    """What images in it are called by, before their repository: `host` or `host:port`."""
    authority: pulumi.Output[str]
    """Whom to trust for its certificate, PEM; empty for those that every machine trusts."""
    reference: dict[str, Any]
    """What tells an effect which registry is meant (`registry.access.login`); plain values, and no login."""

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        refuse_others(f"registry {name}", args["kind"], args, REGISTRY_ONLY)
        super().__init__(name, opts)
        self.kind = args["kind"]
        given: Mapping[str, Any] = args
        self.place = {key: given[key] for key in ("region", "endpoint") if given.get(key)}
        self.reference = {"kind": str(self.kind), "registry": name, **self.place}
        self.gate: LocalRegistry | EcrRegistry
        self.gate, self.authority = _KINDS[self.kind](self, args)
        self.address = self.ready = self.gate.address
        self.register_outputs({"address": self.address, "authority": self.authority})


def refuse_others(
    where: str, kind: RegistryKind, args: Mapping[str, Any], only: Mapping[RegistryKind, Collection[str]]
) -> None:
    """Refuses what another kind alone can be told.

    Raises:
        ArgsError: the text names all of it.
    """
    others = [key for other, keys in only.items() if other is not kind for key in sorted(keys)]
    if found := [key for key in others if args.get(key) is not None]:
        raise ArgsError(f"{where}: found {', '.join(found)}; expected none in a registry of kind {kind}")


def _local(registry: Registry, args: RegistryArgs) -> tuple[LocalRegistry, pulumi.Output[str]]:
    inputs = {
        "name": registry.name,
        "users": list(args.get("users") or USERS),
        "forceDelete": args.get("force_delete", False),
    }
    made = LocalRegistry(registry.child("local"), inputs, _options(registry, args))
    return made, made.authority


def _ecr(registry: Registry, args: RegistryArgs) -> tuple[EcrRegistry, pulumi.Output[str]]:
    inputs = {
        "name": registry.name,
        "replication": list(args.get("replication", ())),
        "pullThroughCache": dict(args.get("pull_through_cache", {})),
        **registry.place,
    }
    made = EcrRegistry(registry.child("ecr"), inputs, _options(registry, args))
    return made, pulumi.Output.from_input("")


def _options(registry: Registry, args: RegistryArgs) -> pulumi.ResourceOptions:
    return registry.options(protect=args.get("protect") or None)


_KINDS: dict[
    RegistryKind,
    Callable[[Registry, RegistryArgs], tuple[LocalRegistry | EcrRegistry, pulumi.Output[str]]],
] = {
    RegistryKind.OCI: _local,
    RegistryKind.ECR: _ecr,
}
