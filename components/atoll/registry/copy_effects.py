"""What makes copies of images real. No login is an input: each is asked for as the copy is made."""

from atoll.core.effect import Context, Effect, Failure, Outcome, Seen, Values
from atoll.core.errors import ArgsError, UnavailableError
from atoll.registry import access, copying, docker_logins, references
from atoll.registry.client import Client
from atoll.registry.copying import Side
from atoll.registry.references import ImageRef


class CopiedImage(Effect):
    """An image that was copied from one registry to another."""

    replace_on = frozenset({"target"})
    secret_outputs = frozenset[str]()
    outputs = frozenset({"ref"})

    def check(self, inputs: Values) -> list[Failure]:
        """The source must be named by digest, and no tag be anything but one."""
        found = []
        if "source" in inputs:
            try:
                ImageRef.parse(inputs["source"])
            except ArgsError as error:
                found.append(Failure("source", str(error)))
        others = [tag for tag in inputs.get("tags", ()) if not references.is_tag(tag)]
        if others:
            found.append(Failure("tags", f"found {', '.join(map(repr, others))}; expected tags of images"))
        return found

    def same(self, name: str, old: object, new: object) -> bool:
        """Where an image came from is no matter, as long as it is the same one; tags are a set."""
        if name == "source" and isinstance(old, str) and isinstance(new, str):
            return old.partition("@")[2] == new.partition("@")[2]
        if name == "tags":
            return set(_list(old)) == set(_list(new))
        return name in {"sourceAuthority", "sourceRegistry"} or old == new

    def changes(self, changed: frozenset[str]) -> frozenset[str]:
        """Another digest is another reference."""
        return self.outputs if not changed or "source" in changed else frozenset()

    def stale(self, inputs: Values, outputs: Values) -> str | None:  # noqa: ARG002 - the protocol's
        """A refresh tells what is missing."""
        return None

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Copies what is missing, and gives the tags."""
        image = ImageRef.parse(inputs["source"])
        target = _target(inputs)
        if target.client.digest(target.repository, image.digest) != image.digest:
            copying.copy(_source(inputs, image), target, image.digest, context.report)
        for tag in inputs.get("tags", ()):
            if target.client.digest(target.repository, tag) != image.digest:
                manifest = target.client.manifest(target.repository, image.digest)
                if manifest is None:
                    raise UnavailableError(
                        f"image {target}@{image.digest}: found it gone; expected it. Try again."
                    )
                target.client.put_manifest(target.repository, tag, manifest)
        ref = ImageRef(inputs["target"], image.digest)
        return Outcome(str(ref), {"ref": str(ref)})

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """Looks for the image, and which of its tags still mean it."""
        if not inputs:
            raise ArgsError(
                f"{id}: found no way to import a copy; expected none. Declare it: what is there is taken up"
            )
        if not access.exists(inputs["targetRegistry"]):
            return None
        digest = ImageRef.parse(outputs.get("ref") or id).digest
        target = _target(inputs)
        if target.client.digest(target.repository, digest) != digest:
            return None
        tags = [
            tag for tag in inputs.get("tags", ()) if target.client.digest(target.repository, tag) == digest
        ]
        return Seen({**inputs, "tags": tags}, outputs)

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Copies another image; the one of before stays, since something may run it."""
        return self.create(id, inputs, context)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002, ARG002 - the protocol's
        """Deletes it in the target, with its tags, only where `keep` was denied before.

        Of an index the images stay: another one may name them.
        """
        if inputs.get("keep", True) or not access.exists(inputs["targetRegistry"]):
            return
        target = _target(inputs)
        target.client.delete(target.repository, ImageRef.parse(outputs.get("ref") or id).digest)


def _target(inputs: Values) -> Side:
    place = references.place(inputs["target"])
    return Side(Client(access.login(inputs["targetRegistry"])), place.repository)


def _source(inputs: Values, image: ImageRef) -> Side:
    place = references.place(image.repository)
    if registry := inputs.get("sourceRegistry"):
        login = access.login(registry)
        if login.address != place.address:
            raise ArgsError(
                f"image {image}: found its registry at {login.address}; expected {place.address}. Name the registry that "
                "it is in."
            )
    else:
        login = docker_logins.login(place.address, inputs.get("sourceAuthority", ""))
    return Side(Client(login), place.repository)


def _list(value: object) -> list[str]:
    return value if isinstance(value, list) else []
