"""The component `Repository`: a name in a registry under which images or charts are kept."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NotRequired, TypedDict

import pulumi

from atoll.core.component import Component
from atoll.registry import component, repositories
from atoll.registry.component import Registry
from atoll.registry.kinds import REPOSITORY_ONLY, RegistryKind
from atoll.registry.resources import EcrRepository, OciRepository


class TagMutability(StrEnum):
    """Whether a tag can come to mean another image."""

    IMMUTABLE = repositories.IMMUTABLE
    MUTABLE = repositories.MUTABLE


class Encryption(TypedDict):
    """What encrypts the images."""

    type: str
    """AES256, KMS or KMS_DSSE."""
    key: NotRequired[pulumi.Input[str]]
    """The ARN of the key of KMS; ECR's own unless given."""


class RepositoryArgs(TypedDict):
    """The inputs of a `Repository`."""

    registry: Registry
    """The registry that it is in."""
    repository: NotRequired[str]
    """Its name there; the component's unless given."""
    force_delete: NotRequired[bool]
    """Whether it is removed with the images that it holds. They are lost then."""
    tag_mutability: NotRequired[TagMutability]
    """Of ECR: whether a tag can come to mean another image; it cannot unless given."""
    exclusions: NotRequired[Sequence[str]]
    """Of ECR: wildcards of tags for which the opposite holds, such as latest or pr-*."""
    scan_on_push: NotRequired[bool]
    """Of ECR: whether images are scanned as they come; true unless given."""
    encryption: NotRequired[Encryption]
    """Of ECR: what encrypts the images; AES256 unless given. Another one is another repository."""
    lifecycle_policy: NotRequired[Any]
    """Of ECR: which images go by themselves, as a map or JSON."""
    policy: NotRequired[pulumi.Input[Any]]
    """Of ECR: who may do what, as a map or JSON."""
    tags: NotRequired[Mapping[str, str]]
    """Of ECR: tags beside the one that Atoll sets."""
    protect: NotRequired[bool]
    """Whether the engine refuses to delete it."""
    retain: NotRequired[bool]
    """Whether it stays in its registry when its resource goes."""
    import_id: NotRequired[str]
    """The name or ARN of one that exists and is taken over, declared as it is."""


class Repository(Component):
    """A repository. One that holds images is not deleted unless that was said."""

    uri: pulumi.Output[str]
    """What images in it are called by, without tag and digest."""

    def __init__(self, name: str, args: RepositoryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        self.registry = args["registry"]
        component.refuse_others(f"repository {name}", self.registry.kind, args, REPOSITORY_ONLY)
        super().__init__(name, opts)
        options = self.options(
            [self.registry.gate],
            protect=args.get("protect") or None,
            retain_on_delete=args.get("retain") or None,
            import_=args.get("import_id"),
        )
        self.gate: OciRepository | EcrRepository
        self.gate = made = _KINDS[self.registry.kind](self, args, options)
        self.uri = self.ready = made.uri
        self.register_outputs({"uri": self.uri})


def _oci(repository: Repository, args: RepositoryArgs, options: pulumi.ResourceOptions) -> OciRepository:
    inputs = {**_named(repository, args), "registry": repository.registry.name}
    return OciRepository(repository.child("oci"), inputs, options)


def _ecr(repository: Repository, args: RepositoryArgs, options: pulumi.ResourceOptions) -> EcrRepository:
    given = {"lifecyclePolicy": args.get("lifecycle_policy"), "policy": args.get("policy")}
    inputs = {
        **_named(repository, args),
        "tagMutability": str(args.get("tag_mutability", TagMutability.IMMUTABLE)),
        "exclusions": list(args.get("exclusions", ())),
        "scanOnPush": args.get("scan_on_push", True),
        "encryption": dict(args.get("encryption", {"type": repositories.AES})),
        "tags": dict(args.get("tags", {})),
        **{name: value for name, value in given.items() if value is not None},
        **repository.registry.place,
    }
    return EcrRepository(repository.child("ecr"), inputs, options)


def _named(repository: Repository, args: RepositoryArgs) -> dict[str, Any]:
    return {
        "name": args.get("repository") or repository.name,
        "forceDelete": args.get("force_delete", False),
    }


_KINDS: dict[
    RegistryKind,
    Callable[[Repository, RepositoryArgs, pulumi.ResourceOptions], OciRepository | EcrRepository],
] = {
    RegistryKind.OCI: _oci,
    RegistryKind.ECR: _ecr,
}
