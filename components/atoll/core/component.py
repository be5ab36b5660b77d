"""The one base of Atoll's Pulumi components: type token, children's names and options."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pulumi

from atoll.core import naming


class Component(pulumi.ComponentResource):
    """A component of the package `atoll`.

    The caller's `opts` are the component's own and are never merged into its children's: a merge moves
    children to the caller's parent and sprays its aliases and protect on them.
    """

    ready: pulumi.Output[str]
    """The gate: depend on what this comes from, never on the component with all its children."""
    gate: pulumi.Resource
    """The single resource that others depend on."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        self.name = name
        super().__init__(naming.type_token(type(self).__name__), name, {}, opts)

    def child(self, role: str) -> str:
        """The name of a child by its role."""
        return naming.child(self.name, role)

    def options(self, depends_on: Sequence[pulumi.Resource] = (), **more: Any) -> pulumi.ResourceOptions:
        """The options of a child."""
        return pulumi.ResourceOptions(parent=self, depends_on=list(depends_on), **more)


class Resource(pulumi.CustomResource):
    """The program side of a resource that Atoll's own provider serves.

    A class names its outputs in `outputs`; they are None in the inputs, so that the engine fills them.
    """

    outputs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, name: str, inputs: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        declared = {**inputs, **dict.fromkeys(self.outputs)}
        super().__init__(naming.type_token(type(self).__name__), name, declared, opts)
