"""The component `ImageCopy`: an image of one registry in another one, under the same digest."""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi

from atoll.core.component import Component
from atoll.registry.component import Registry
from atoll.registry.references import ImageRef
from atoll.registry.repository import Repository
from atoll.registry.resources import CopiedImage


class ImageCopyArgs(TypedDict):
    """The inputs of an `ImageCopy`."""

    source: pulumi.Input[str]
    """The image by its digest, `host/name@sha256:…`, as `Image.ref` has it."""
    target: Repository
    """The repository that it is copied to."""
    source_registry: NotRequired[Registry]
    """The registry that it is in. Unless given, the login to it is the one of Docker's clients here, if there is one."""
    source_authority: NotRequired[pulumi.Input[str]]
    """Whom to trust for that registry's certificate, PEM; whom the machine trusts unless given. Where it asks for tokens or
    leads to other storage, of theirs too: several may stand one after another."""
    tags: NotRequired[Sequence[str]]
    """What people call it there. What runs is called by digest."""
    keep: NotRequired[bool]
    """Whether it stays in the target when its resource goes; true unless given, since something may run it."""


class ImageCopy(Component):
    """A copy of an image, as a promotion from one environment to the next makes it. What was copied before stays."""

    ref: pulumi.Output[str]
    """`repository@sha256:…` in the target, unknown in a preview that would change it."""
    digest: pulumi.Output[str]
    """`sha256:…`, that of the source."""

    def __init__(self, name: str, args: ImageCopyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        target, registry = args["target"], args.get("source_registry")
        inputs = {
            "source": args["source"],
            "target": target.uri,
            "targetRegistry": target.registry.reference,
            "tags": list(args.get("tags", ())),
            "keep": args.get("keep", True),
        }
        if registry is not None:
            inputs["sourceRegistry"] = registry.reference
        if "source_authority" in args:
            inputs["sourceAuthority"] = args["source_authority"]
        after = [target.gate, *([registry.gate] if registry is not None else [])]
        self.gate = made = CopiedImage(self.child("copied"), inputs, self.options(after))
        self.ref = self.ready = made.ref
        self.digest = pulumi.Output.from_input(args["source"]).apply(lambda text: ImageRef.parse(text).digest)
        self.register_outputs({"ref": self.ref, "digest": self.digest})
