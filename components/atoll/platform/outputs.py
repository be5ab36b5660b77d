"""What the stack of an environment exports, and how a stack of another repository reads it, each with its type."""

from collections.abc import Awaitable, Mapping
from typing import Any, TypedDict, cast

import pulumi

from atoll.core.errors import ArgsError


class ClusterOutputs(TypedDict):
    """One API server."""

    endpoint: str
    """Its address."""
    identifier: str
    """The UID of its kube-system."""


class RegistryOutputs(TypedDict):
    """One registry."""

    kind: str
    """Who keeps the images: oci or ecr."""
    address: str
    """What images in it are called by, before their repository."""


class Referred(TypedDict):
    """An image, or a chart that was published."""

    ref: str
    """Its name by digest."""


class KeyOutputs(TypedDict):
    """One key of the KMS."""

    alias: str
    """Its name in the KMS, without `alias/`."""
    arn: str
    """Its full name."""


class Outputs(TypedDict):
    """The outputs of an environment's stack; by name of the inventory where there are several of a kind."""

    controlPlane: ClusterOutputs
    """The control plane."""
    controlPlaneAccess: str
    """A kubeconfig of its administrator, with credentials inside; secret."""
    clusters: Mapping[str, ClusterOutputs]
    """The clusters."""
    registries: Mapping[str, RegistryOutputs]
    """The registries."""
    publications: Mapping[str, Referred]
    """The charts that are published."""
    images: Mapping[str, Referred]
    """The images that are built or copied."""
    keys: Mapping[str, KeyOutputs]
    """The keys."""


def known(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """What a run exports of the outputs: all but what it does not know, since that was left out or could not be made.

    In the place of what is not known the engine writes a text of its own into the state, which whoever refers to the stack
    takes for a value. So what is unknown in a part is left out whole: an entry of a map goes, another output is null. In a
    preview the engine shows it as not known yet.
    """
    if pulumi.runtime.is_dry_run():
        return dict(outputs)
    return {name: _output(_known(value)) for name, value in outputs.items()}


async def _known(value: Any) -> Any:
    """A value, null where something in it is not known; of a map of maps the entries that are known."""
    if isinstance(value, Mapping) and all(isinstance(each, Mapping) for each in value.values()):
        return {name: each for name, each in value.items() if await _is_known(each)}
    return value if await _is_known(value) else None


async def _is_known(value: Any) -> bool:
    if isinstance(value, pulumi.Output):
        return await value.is_known()
    if isinstance(value, Mapping):
        return all([await _is_known(each) for each in value.values()])
    return True


def _output(value: Awaitable[Any]) -> pulumi.Output[Any]:
    """An output of what holds others, each of which stays secret or not by itself; `from_input` would make all secret."""

    async def sure() -> bool:
        return True

    return pulumi.Output(set(), value, sure())


class Reference:
    """An environment as a stack of another repository sees it: `Reference(pulumi.StackReference("organization/atoll/dev"))`.

    Reading what is secret needs the right to use the key by which that stack's secrets are encrypted.
    """

    def __init__(self, stack: pulumi.StackReference) -> None:
        self._stack = stack

    @property
    def control_plane(self) -> pulumi.Output[ClusterOutputs]:
        """The control plane."""
        return cast("pulumi.Output[ClusterOutputs]", self._output("controlPlane"))

    @property
    def control_plane_access(self) -> pulumi.Output[str]:
        """A kubeconfig of the control plane's administrator, for `ControlPlaneArgs`; secret."""
        return pulumi.Output.secret(cast("pulumi.Output[str]", self._output("controlPlaneAccess")))

    @property
    def clusters(self) -> pulumi.Output[Mapping[str, ClusterOutputs]]:
        """The clusters by name."""
        return cast("pulumi.Output[Mapping[str, ClusterOutputs]]", self._output("clusters"))

    @property
    def registries(self) -> pulumi.Output[Mapping[str, RegistryOutputs]]:
        """The registries by name."""
        return cast("pulumi.Output[Mapping[str, RegistryOutputs]]", self._output("registries"))

    @property
    def publications(self) -> pulumi.Output[Mapping[str, Referred]]:
        """The charts that are published, by name."""
        return cast("pulumi.Output[Mapping[str, Referred]]", self._output("publications"))

    @property
    def images(self) -> pulumi.Output[Mapping[str, Referred]]:
        """The images by name."""
        return cast("pulumi.Output[Mapping[str, Referred]]", self._output("images"))

    @property
    def keys(self) -> pulumi.Output[Mapping[str, KeyOutputs]]:
        """The keys by name."""
        return cast("pulumi.Output[Mapping[str, KeyOutputs]]", self._output("keys"))

    def _output(self, name: str) -> pulumi.Output[Any]:
        both = pulumi.Output.all(self._stack.name, self._stack.get_output(name))
        return both.apply(lambda found: required(found[0], name, found[1]))


def required(stack: str, name: str, value: Any) -> Any:
    """An output of a stack.

    Raises:
        ArgsError: it has none of this name.
    """
    if value is None:
        raise ArgsError(
            f"stack {stack}: found no output {name}; expected an environment of Atoll that was brought up. "
            "Bring it up, or name another one"
        )
    return value
