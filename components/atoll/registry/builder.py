"""The component `Builder`: who builds the images of an environment."""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_docker_build as docker_build

from atoll.core.component import Component
from atoll.registry import docker
from atoll.registry.component import Registry
from atoll.registry.resources import ImageBuilder


class BuilderArgs(TypedDict):
    """The inputs of a `Builder`."""

    registries: Sequence[Registry]
    """Those that it pushes to and pulls from. Their logins are asked for as they are needed."""
    existing: NotRequired[str]
    """A builder that the user made with buildx; a buildkitd of this machine unless given, which needs root."""


class Builder(Component):
    """A buildkitd of this machine, one for each environment, or a builder that there is already."""

    instance: pulumi.Output[str]
    """What buildx calls it."""

    def __init__(self, name: str, args: BuilderArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        registries = [{**each.reference, "address": each.address} for each in args["registries"]]
        inputs = {"name": name, "registries": registries}
        if args.get("existing"):
            inputs["existing"] = args["existing"]
        gates = [each.gate for each in args["registries"]]
        self.gate = made = ImageBuilder(self.child("builder"), inputs, self.options(gates))
        self.instance = self.ready = made.instance
        # It reads the logins as it is configured, so that the registries must be there before.
        options = self.options([made], env_var_mappings=dict(docker.VARIABLES))
        self.provider = docker_build.Provider(self.child("provider"), opts=options)
        self.register_outputs({"instance": self.instance})
