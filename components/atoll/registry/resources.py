"""The program side of what Atoll's own provider does for registries."""

from typing import ClassVar

import pulumi

from atoll.core.component import Resource


class LocalRegistry(Resource):
    """A registry as a process of this machine."""

    outputs: ClassVar[tuple[str, ...]] = ("address", "authority")
    address: pulumi.Output[str]
    """What images in it are called by, before their repository."""
    authority: pulumi.Output[str]
    """Whom to trust for its certificate, PEM."""


class EcrRegistry(Resource):
    """The registry of an account in a region."""

    outputs: ClassVar[tuple[str, ...]] = ("address", "account", "rules", "caches")
    address: pulumi.Output[str]
    """What images in it are called by, before their repository."""
    account: pulumi.Output[str]
    """The number of its account."""


class OciRepository(Resource):
    """A repository of a registry of this machine."""

    outputs: ClassVar[tuple[str, ...]] = ("uri",)
    uri: pulumi.Output[str]
    """What images in it are called by, without tag and digest."""


class RegistryLogins(Resource):
    """The registries that a client of Docker's form asks, with who knows their logins."""


class EcrRepository(Resource):
    """A repository of ECR."""

    outputs: ClassVar[tuple[str, ...]] = ("arn", "uri", "marked")
    arn: pulumi.Output[str]
    """Its full name."""
    uri: pulumi.Output[str]
    """What images in it are called by, without tag and digest."""
    marked: pulumi.Output[bool]
    """Whether it carries the mark that says whose it is."""


class ImageBuilder(Resource):
    """Who builds images, and what the plugin needs to find it."""

    outputs: ClassVar[tuple[str, ...]] = ("instance",)
    instance: pulumi.Output[str]
    """What buildx calls it."""


class KanikoImage(Resource):
    """An image that a Job in a cluster builds."""

    outputs: ClassVar[tuple[str, ...]] = ("digest", "revision")
    digest: pulumi.Output[str]
    """`sha256:…`."""


class CopiedImage(Resource):
    """An image that was copied from one registry to another."""

    outputs: ClassVar[tuple[str, ...]] = ("ref",)
    ref: pulumi.Output[str]
    """What it is called by in the other one."""
