"""The component `Container`: an image that runs on a Docker engine, beside the clusters."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi

from atoll.core.component import Component
from atoll.registry import docker as configuration
from atoll.registry.component import Registry

ENGINE = "unix:///var/run/docker.sock"
"""Where a Docker engine listens unless somebody moved it."""


class ContainerArgs(TypedDict):
    """The inputs of a `Container`."""

    image: pulumi.Input[str]
    """The image by its digest, `host/name@sha256:…`, as `Image.ref` has it."""
    registry: NotRequired[Registry]
    """The registry that it is pulled from, whose login a builder of this environment knows; no login unless given."""
    engine: NotRequired[str]
    """The engine, `unix://PATH` or `tcp://HOST:PORT`; that of this machine unless given."""
    command: NotRequired[Sequence[str]]
    """What it is started with; what the image says unless given."""
    env: NotRequired[Mapping[str, str]]
    """Its variables. They stand open in the state and in the engine: nothing secret."""
    ports: NotRequired[Mapping[int, int]]
    """{port of the engine's machine: port in the container}, TCP."""
    network: NotRequired[str]
    """The engine's network that it is in: `bridge` unless given, `host`, `none`, or one by name."""


class Container(Component):
    """A container, which runs until it is taken away. Another image or setting makes it anew."""

    id: pulumi.Output[str]
    """What the engine calls it."""

    def __init__(self, name: str, args: ContainerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        import pulumi_docker as docker  # noqa: PLC0415 - it takes long to load, and few programs have containers

        super().__init__(name, opts)
        registry = args.get("registry")
        engine = docker.Provider(
            self.child("engine"),
            host=args.get("engine", ENGINE),
            registry_auth=[{"address": registry.address}] if registry else [],
            # The login is asked for as the image is pulled; it is in no setting and no state.
            opts=self.options(env_var_mappings=dict(configuration.VARIABLES)),
        )
        pulled = docker.RemoteImage(
            self.child("image"), name=args["image"], opts=self.options(provider=engine)
        )
        self.gate = made = docker.Container(
            self.child("container"),
            name=name,
            image=pulled.image_id,
            restart="unless-stopped",
            **_told(args),
            opts=self.options(provider=engine),
        )
        self.id = self.ready = made.id
        self.register_outputs({"id": self.id})


def _told(args: ContainerArgs) -> dict[str, Any]:
    """What is said of it, in the words of the plugin."""
    found: dict[str, Any] = {}
    if args.get("command"):
        found["command"] = [*args["command"]]
    if args.get("env"):
        found["envs"] = [f"{key}={value}" for key, value in args["env"].items()]
    if args.get("ports"):
        found["ports"] = [{"external": here, "internal": there} for here, there in args["ports"].items()]
    if args.get("network"):
        found["network_mode"] = args["network"]
    return found
