"""The program side of a chart in an OCI registry."""

from collections.abc import Mapping
from typing import Any, ClassVar, NotRequired, TypedDict

import pulumi

from atoll.core.component import Resource


class ChartPublicationArgs(TypedDict):
    """The inputs of a `ChartPublication`."""

    chart: str
    """The chart's folder, from the checkout's."""
    repository: pulumi.Input[str]
    """`oci://HOST/PATH`, under which the chart has its own name."""
    registry: NotRequired[Mapping[str, Any]]
    """The `reference` of a `Registry` of atoll.registry, whose login and authority are asked for when they are needed."""
    logins: NotRequired[pulumi.Input[str]]
    """The file with the registry's login, in the form of Docker's config.json; Docker's own unless given.

    Its content is read when it is needed, and is in no state.
    """
    authority: NotRequired[pulumi.Input[str]]
    """The registry's certificate authority, PEM; those that the machine trusts unless given."""


class ChartPublication(Resource):
    """A chart's version in an OCI registry. What was published stays as it is, and stays when this goes."""

    outputs: ClassVar[tuple[str, ...]] = ("version", "content", "digest", "reference", "sources")
    version: pulumi.Output[str]
    """The chart's version."""
    content: pulumi.Output[str]
    """The digest of its files, whoever packed them."""
    digest: pulumi.Output[str]
    """The digest that the registry has it under."""
    reference: pulumi.Output[str]
    """`oci://HOST/PATH/NAME@sha256:...`: what a release names."""
    sources: pulumi.Output[str]
    """The digest of all that lies in the chart's folder; while it is the same, nothing needs to be packed."""

    def __init__(
        self, name: str, args: ChartPublicationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        inputs: dict[str, Any] = {key: value for key, value in args.items() if value is not None}
        super().__init__(name, inputs, opts)
