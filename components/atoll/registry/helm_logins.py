"""The component `HelmLogins`: by what helm itself is let in to registries, where it makes releases of their charts."""

from collections.abc import Sequence
from typing import TypedDict

import pulumi

from atoll.core.component import Component
from atoll.registry import docker
from atoll.registry.component import Registry
from atoll.registry.resources import RegistryLogins

VARIABLES = docker.HELM
"""What the provider of such a release is given as its `env_var_mappings`; it has to come after the `gate`."""


class HelmLoginsArgs(TypedDict):
    """The inputs of `HelmLogins`."""

    registries: Sequence[Registry]
    """Those that charts come from. Their logins are asked for as they are needed."""


class HelmLogins(Component):
    """Makes registries known to helm as the Kubernetes provider runs it; no login is in its settings or in the state."""

    def __init__(self, name: str, args: HelmLoginsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        registries = [{**each.reference, "address": each.address} for each in args["registries"]]
        gates = [each.gate for each in args["registries"]]
        inputs = {"name": name, "registries": registries}
        self.gate = made = RegistryLogins(self.child("registries"), inputs, self.options(gates))
        self.ready = made.urn
        self.register_outputs({})
