"""The component `Builder`: who builds the images of an environment."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

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


class Kaniko(TypedDict):
    """Builds of images by Jobs in a cluster, where no machine may build: each is there only while it builds.

    What pushes must be able to reach the registry from there. Kaniko is root in its pod, with capabilities of the Baseline
    Pod Security Standard and without a way to more.
    """

    access: pulumi.Input[str]
    """The cluster's kubeconfig."""
    namespace: str
    """Where the Jobs are; it has to be there, and may enforce the baseline standard, not the restricted one."""
    executor: pulumi.Input[str]
    """The executor's image by digest, `repository@sha256:…`, of Kaniko 1.24."""
    registries: Sequence[Registry]
    """Those that it pushes to and pulls from. Their logins are asked for as they are needed, and stay for that Job alone."""
    resources: NotRequired[Mapping[str, Any]]
    """The requests and limits of the container; it holds an image's largest layer in memory."""
    timeout_seconds: NotRequired[int]
    """How long a build may take; 1800 unless given."""
    after: NotRequired[Sequence[pulumi.Resource]]
    """What must be there before: the namespace, or what brings it."""


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
