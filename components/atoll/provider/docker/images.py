"""Images in an engine, their further names, and images that an engine pushes to a registry.

Source: the resources RemoteImage, Tag and RegistryImage of the package docker 5.2; what makes a new one is
`ForceNew` in kreuzwerker/terraform-provider-docker 4, which that package is made from.
"""

import re
from typing import Any, ClassVar

from atoll.core.effect import Context, Outcome, Seen, Values
from atoll.core.errors import RefusedError
from atoll.provider.docker.daemon import Daemon, told
from atoll.provider.docker.kinds import Kind
from atoll.provider.docker.settings import Settings
from atoll.registry import references
from atoll.registry.client import Client
from atoll.registry.logins import Login

_ID = re.compile(r"sha256:[0-9a-f]{64}")


class RemoteImage(Kind):
    """An image that an engine pulls."""

    served = frozenset({"forceRemove", "keepLocally", "name", "platform", "pullTriggers", "triggers"})
    required = frozenset({"name"})
    defaults: ClassVar[Values] = {"forceRemove": False, "keepLocally": False, "platform": ""}
    unordered = frozenset({"pullTriggers"})
    replace_on = frozenset({"name", "platform", "pullTriggers", "triggers"})
    outputs = frozenset({"imageId", "repoDigest"})

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def changes(self, changed: frozenset[str]) -> frozenset[str]:
        """What changes in place says only how it is removed."""
        return frozenset() if changed else self.outputs

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Takes the image that is there, as the official plugin does, unless something asks for a pull.

        `pullTriggers` does: its values mean that the name has come to mean another image.
        """
        wanted = inputs["name"]
        found = None if inputs.get("pullTriggers") else self._daemon.image(wanted)
        if found is None:
            context.report(f"pulling {wanted}")
            self._daemon.pull(wanted, inputs.get("platform", ""))
            found = self._daemon.image(wanted)
        if found is None:
            raise RefusedError(f"image {wanted}: found none after a pull; expected it in the engine")
        return Outcome(f"{found['Id']}{wanted}", _outputs(wanted, found, ""))

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """An image that was deleted is gone, and pulled again. An import names it, or has an id of the state."""
        wanted = inputs.get("name") or _ID.sub("", id, count=1)
        found = self._daemon.image(wanted)
        if found is None:
            return None
        now = _outputs(wanted, found, outputs.get("repoDigest", ""))
        return Seen({**inputs, "name": wanted}, now, f"{found['Id']}{wanted}")

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Nothing is to be written."""
        return Outcome(id, outputs)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002, ARG002 - the protocol's
        """Takes the name from the image, and the image away with its last one."""
        wanted = inputs["name"]
        if inputs.get("keepLocally") or self._daemon.image(wanted) is None:
            return
        with told(f"image {wanted}"):
            self._daemon.api.remove_image(wanted, force=inputs.get("forceRemove", False))


class Tag(Kind):
    """Another name of an image in an engine."""

    served = frozenset({"sourceImage", "tagTriggers", "targetImage"})
    required = frozenset({"sourceImage", "targetImage"})
    unordered = frozenset({"tagTriggers"})
    replace_on = served
    outputs = frozenset({"sourceImageId"})

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def changes(self, changed: frozenset[str]) -> frozenset[str]:
        """Every input makes a new one."""
        return frozenset() if changed else self.outputs

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Gives the name, whatever it meant before."""
        source, target = inputs["sourceImage"], inputs["targetImage"]
        found = self._daemon.image(source)
        if found is None:
            raise RefusedError(
                f"image {source}: found none in the engine; expected it there, to be tagged {target}"
            )
        repository, tag = references.split(target)
        with told(f"image {target}"):
            self._daemon.api.tag(source, repository, tag or references.DEFAULT_TAG, force=True)
        return Outcome(f"{source}.{target}", {"sourceImageId": found["Id"]})

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """A name that nothing has any more is gone, and given again; the official plugin does not look."""
        if not inputs:
            raise RefusedError(
                f"{id}: found no way to import a Tag; expected none (the official plugin has none)"
            )
        return Seen(inputs, outputs) if self._daemon.image(inputs["targetImage"]) else None

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Every input makes a new one."""
        return Outcome(id, outputs)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002 - the protocol's
        """Leaves both names, as the official plugin does."""


class RegistryImage(Kind):
    """An image that an engine pushes to a registry."""

    served = frozenset({"authConfig", "insecureSkipVerify", "keepRemotely", "name", "triggers"})
    required = frozenset({"name"})
    defaults: ClassVar[Values] = {"insecureSkipVerify": False, "keepRemotely": False}
    replace_on = frozenset({"name", "triggers"})
    outputs = frozenset({"sha256Digest"})

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def changes(self, changed: frozenset[str]) -> frozenset[str]:
        """What changes in place says only how the registry is asked."""
        return frozenset() if changed else self.outputs

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Pushes, and asks the registry what it has now."""
        wanted = inputs["name"]
        context.report(f"pushing {wanted}")
        self._daemon.push(wanted, login(self._daemon.settings, wanted, inputs.get("authConfig")))
        digest = self._digest(inputs)
        if digest is None:
            raise RefusedError(f"image {wanted}: found none after a push; expected it in the registry")
        return Outcome(digest, {"sha256Digest": digest})

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """An image that the registry does not have any more is gone, and pushed again."""
        if not inputs:
            raise RefusedError(
                f"{id}: found no way to import a RegistryImage; expected none (its id names no image)"
            )
        digest = self._digest(inputs)
        return Seen(inputs, {"sha256Digest": digest}) if digest else None

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Nothing is to be written."""
        return Outcome(id, outputs)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002, ARG002 - the protocol's
        """Deletes it in the registry, with all its tags."""
        if inputs.get("keepRemotely"):
            return
        place = references.place(inputs["name"])
        self._client(inputs).delete(place.repository, outputs.get("sha256Digest", id))

    def _digest(self, inputs: Values) -> str | None:
        place = references.place(inputs["name"])
        return self._client(inputs).digest(place.repository, place.reference)

    def _client(self, inputs: Values) -> Client:
        known = login(self._daemon.settings, inputs["name"], inputs.get("authConfig"))
        return Client(known, verified=not inputs.get("insecureSkipVerify"))


def login(settings: Settings, name: str, given: Any) -> Login:
    """How the registry of an image is logged in to: as the resource says, else as its provider does."""
    known = settings.login(references.place(name).address)
    if not given:
        return known
    return Login(
        known.address, str(given.get("username") or ""), str(given.get("password") or ""), known.authority
    )


def _outputs(name: str, found: dict[str, Any], before: str) -> Values:
    """What an image is; its digest in the registry that the name leads to, empty for one that was never there.

    An engine that pushes it elsewhere in that repository learns further digests; the one of `before` stays.
    """
    repository = references.split(name.partition("@")[0])[0]
    digests = [str(each) for each in found.get("RepoDigests") or ()]
    there = [each for each in digests if each.partition("@")[0] == repository] or digests
    known = before if before in digests else next(iter(there), "")
    return {"imageId": found["Id"], "repoDigest": known}
