"""Components that a program in another language hands to each other: what a reference to one tells.

A reference has no more than a URN; the rest is asked of the engine, or follows from how children are named.
"""

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi.runtime import register_resource_module
from pulumi.runtime.rpc import ResourceModule

from atoll.core import naming
from atoll.core.errors import ArgsError
from atoll.federation import ControlPlane
from atoll.federation.control_plane import PROVIDER

_PROVIDER_TYPE = "pulumi:providers:kubernetes"


class ReferredControlPlane(pulumi.ComponentResource):
    """A `ControlPlane` that another Construct made, as far as members and propagations use it."""

    access: pulumi.Output[str]
    """A kubeconfig with credentials inside; secret."""

    dies_with = None
    """Whether it is a local one is not known while a component is made: objects on it are deleted one by one."""

    def __init__(self, name: str, type_: str, urn: str) -> None:
        self.name = name
        options = pulumi.ResourceOptions(urn=urn)
        super().__init__(type_, name, {"access": None}, options)
        made = pulumi.ResourceOptions(urn=child_urn(urn, _PROVIDER_TYPE, self.child(PROVIDER)))
        self.kubernetes = kubernetes.Provider(self.child(PROVIDER), opts=made)

    def child(self, role: str) -> str:
        """The name of a child by its role."""
        return naming.child(self.name, role)


def child_urn(parent: str, type_: str, name: str) -> str:
    """The URN of a child: `urn:pulumi:<stack>::<project>::<types on the way down>::<name>`."""
    stack, project, types, _ = parent.split("::", 3)
    return f"{stack}::{project}::{types}${type_}::{name}"


class _Module(ResourceModule):
    """What makes a reference a resource, in the SDK's words."""

    def version(self) -> None:
        """Whatever the reference asks for: this process has one."""

    def construct(self, name: str, typ: str, urn: str) -> pulumi.Resource:
        """The component of a reference.

        Raises:
            ArgsError: no component takes one of its kind.
        """
        if typ != naming.type_token(ControlPlane.__name__):
            raise ArgsError(f"{name}: found a reference to {typ}; expected one to a ControlPlane")
        return ReferredControlPlane(name, typ, urn)


def register() -> None:
    """Lets the SDK know."""
    register_resource_module(naming.PACKAGE, "index", _Module())
