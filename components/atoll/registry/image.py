"""The component `Image`: an image that is built from a folder and pushed, known by its digest."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict, cast

import pulumi
import pulumi_docker_build as docker_build
from pulumi.output import UNKNOWN

from atoll.core.component import Component
from atoll.core.errors import ArgsError
from atoll.registry.builder import Builder, Kaniko
from atoll.registry.references import DEFAULT_TAG, ImageRef
from atoll.registry.repository import Repository
from atoll.registry.resources import KanikoImage

_KANIKO_SECONDS = 1800


class ImageArgs(TypedDict):
    """The inputs of an `Image`."""

    builder: Builder | Kaniko
    """Who builds it: BuildKit, or Kaniko, which takes one platform, no secrets, and a context of 1 MiB at most, packed."""
    context: str
    """The folder that it is built from; relative to the project's unless absolute."""
    repository: Repository | pulumi.Input[str]
    """Where it is pushed to: a repository of Atoll's, or `host/name` of one that the builder can push to."""
    dockerfile: NotRequired[str]
    """Its Dockerfile, as the context is given; `Dockerfile` in the context unless given."""
    target: NotRequired[str]
    """The stage that is built; the last one unless given."""
    platforms: NotRequired[Sequence[str]]
    """What it is to run on, such as linux/arm64; the builder's own unless given. Several make one index of images."""
    build_args: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Values of ARG. They stay in the image for everybody to read: secrets are for `secrets`."""
    secrets: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Values of RUN --mount=type=secret by their ids. They are secret in the state, and in no image and no argument."""
    tags: NotRequired[Sequence[str]]
    """What people call it in its repository; `latest` unless given, by Kaniko what was built. What runs is called by digest."""
    labels: NotRequired[Mapping[str, str]]
    """Labels of the image."""
    cache: NotRequired[Repository]
    """A repository in which its layers are kept for other builders, under the component's name as tag."""


class Image(Component):
    """An image. It is built anew when its inputs or a byte of its context changes; what was pushed before stays."""

    ref: pulumi.Output[str]
    """`repository@sha256:…`, unknown in a preview that would change it."""
    digest: pulumi.Output[str]
    """`sha256:…`."""

    def __init__(self, name: str, args: ImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        target, builder = args["repository"], args["builder"]
        uri = pulumi.Output.from_input(target.uri if isinstance(target, Repository) else target)
        self._after = [target.gate] if isinstance(target, Repository) else []
        self.gate: docker_build.Image | KanikoImage
        self.gate = made = (
            self._by_buildkit(builder, uri, args)
            if isinstance(builder, Builder)
            else self._by_kaniko(builder, uri, args)
        )
        # A preview of a change tells none; what depends on it must not take that for its value.
        self.digest = made.digest.apply(lambda digest: digest or cast("str", UNKNOWN))
        self.ref = self.ready = pulumi.Output.all(uri, self.digest).apply(lambda both: str(ImageRef(*both)))
        self.register_outputs({"ref": self.ref, "digest": self.digest})

    def _by_buildkit(self, builder: Builder, uri: pulumi.Output[str], args: ImageArgs) -> docker_build.Image:
        return docker_build.Image(
            self.child("image"),
            # A preview that builds takes as long as the build; what would change shows without.
            build_on_preview=False,
            builder={"name": builder.instance},
            push=True,
            tags=[pulumi.Output.concat(uri, ":", tag) for tag in args.get("tags") or (DEFAULT_TAG,)],
            **_built(args),
            **_cached(self.name, args),
            opts=self.options([builder.gate, *self._after], provider=builder.provider),
        )

    def _by_kaniko(self, kaniko: Kaniko, uri: pulumi.Output[str], args: ImageArgs) -> KanikoImage:
        inputs = {
            "name": self.name,
            "access": pulumi.Output.secret(kaniko["access"]),
            "namespace": kaniko["namespace"],
            "executor": kaniko["executor"],
            "registries": [{**each.reference, "address": each.address} for each in kaniko["registries"]],
            "timeoutSeconds": kaniko.get("timeout_seconds", _KANIKO_SECONDS),
            "repository": uri,
            "context": args["context"],
            **_told(self.name, args),
        }
        if kaniko.get("resources"):
            inputs["resources"] = kaniko["resources"]
        gates = [each.gate for each in kaniko["registries"]]
        options = self.options([*gates, *self._after, *kaniko.get("after", ())])
        return KanikoImage(self.child("kaniko"), inputs, options)


def _built(args: ImageArgs) -> dict[str, Any]:
    """What is built, in the words of the plugin."""
    found: dict[str, Any] = {"context": {"location": args["context"]}}
    if args.get("dockerfile"):
        found["dockerfile"] = {"location": args["dockerfile"]}
    if args.get("platforms"):
        found["platforms"] = list(args["platforms"])
    if args.get("secrets"):
        found["secrets"] = {key: pulumi.Output.secret(value) for key, value in args["secrets"].items()}
    for key in ("target", "build_args", "labels"):
        if args.get(key):
            found[key] = args[key]
    return found


def _told(name: str, args: ImageArgs) -> dict[str, Any]:
    """What is built, in the words of the resource.

    Raises:
        ArgsError: it is nothing that Kaniko can.
    """
    platforms = args.get("platforms") or ()
    if args.get("secrets"):
        raise ArgsError(
            f"image {name}: secrets: found some; expected none for Kaniko, which knows no RUN --mount. Build it by BuildKit"
        )
    if len(platforms) > 1:
        raise ArgsError(
            f"image {name}: platforms: found {len(platforms)}; expected one for Kaniko, which makes no index. Build it by "
            "BuildKit"
        )
    cache = args.get("cache")
    found = {
        "dockerfile": args.get("dockerfile"),
        "target": args.get("target"),
        "platform": next(iter(platforms), None),
        "buildArgs": args.get("build_args"),
        "labels": args.get("labels"),
        "tags": args.get("tags"),
        "cache": cache.uri if cache else None,
    }
    return {key: value for key, value in found.items() if value is not None}


def _cached(name: str, args: ImageArgs) -> dict[str, Any]:
    if "cache" not in args:
        return {}
    ref = pulumi.Output.concat(args["cache"].uri, ":", name)
    # As an image, which ECR takes too; that a cache cannot be written is no reason to have no image.
    kept = {"ref": ref, "mode": "max", "image_manifest": True, "oci_media_types": True, "ignore_error": True}
    return {"cache_from": [{"registry": {"ref": ref}}], "cache_to": [{"registry": kept}]}
