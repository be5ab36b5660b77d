"""The resource `PullSecret`: a login to a registry as the data of a Kubernetes Secret."""

from collections.abc import Mapping
from typing import ClassVar, NotRequired, TypedDict

import pulumi

from atoll.core.component import Resource
from atoll.registry.component import Registry

TYPE = "kubernetes.io/dockerconfigjson"
"""The type of such a Secret."""


class PullSecretArgs(TypedDict):
    """The inputs of a `PullSecret`."""

    registry: Registry
    """The registry that is pulled from."""
    user: NotRequired[str]
    """Of one of this machine: as whom; the first of its users by name unless given."""


class PullSecret(Resource):
    """A login to pull with. That of ECR ends after twelve hours; an `up` within the last four of them renews it."""

    outputs: ClassVar[tuple[str, ...]] = ("data", "revision", "ends")
    data: pulumi.Output[Mapping[str, str]]
    """The `data` of the Secret: by key, base64; secret."""
    revision: pulumi.Output[str]
    """What changes where the data do. It may be seen by everybody."""
    ends: pulumi.Output[str]
    """When the login ends; empty where it does not."""

    def __init__(self, name: str, args: PullSecretArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        registry = args["registry"]
        inputs = {"name": name, **registry.reference}
        if args.get("user"):
            inputs["user"] = args["user"]
        more = pulumi.ResourceOptions(additional_secret_outputs=["data"], depends_on=[registry.gate])
        super().__init__(name, inputs, pulumi.ResourceOptions.merge(opts, more))
