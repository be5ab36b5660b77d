"""What a registry says of an image, asked without an engine.

Source: the functions getRegistryImage and getRegistryImageManifests of the package docker 5.2.
"""

from collections.abc import Callable

from atoll.core.effect import Values
from atoll.core.errors import ArgsError, RefusedError
from atoll.provider.docker import images
from atoll.provider.docker.settings import Settings
from atoll.registry import references
from atoll.registry.client import INDEXES, Client
from atoll.registry.references import Place


def registry_image(settings: Settings, asked: Values) -> Values:
    """The digest that a tag means now.

    Raises:
        RefusedError: the registry has no such image, or lets nobody in.
        UnavailableError: it does not answer.
    """
    client, place = _asked(settings, asked)
    digest = client.digest(place.repository, place.reference)
    if digest is None:
        raise _none(asked)
    return {**asked, "id": digest, "sha256Digest": digest}


def registry_image_manifests(settings: Settings, asked: Values) -> Values:
    """The images of a name by their platforms; raises what `registry_image` does, also for one without platforms."""
    client, place = _asked(settings, asked)
    found = client.manifest(place.repository, place.reference)
    if found is None:
        raise _none(asked)
    if found.media_type not in INDEXES:
        raise RefusedError(
            f"image {asked['name']}: found one image ({found.media_type}); expected an index of several platforms, as the "
            "official plugin does. Use get_registry_image for its digest."
        )
    manifests = [
        {
            "architecture": each.get("platform", {}).get("architecture", ""),
            "mediaType": each["mediaType"],
            "os": each.get("platform", {}).get("os", ""),
            "sha256Digest": each["digest"],
        }
        for each in found.document.get("manifests", ())
    ]
    return {**asked, "id": f"{place.repository}:{place.reference}", "manifests": manifests}


FUNCTIONS: dict[str, Callable[[Settings, Values], Values]] = {
    "docker:index/getRegistryImage:getRegistryImage": registry_image,
    "docker:index/getRegistryImageManifests:getRegistryImageManifests": registry_image_manifests,
}
"""The functions that are served, by token."""


def _asked(settings: Settings, asked: Values) -> tuple[Client, Place]:
    name = asked.get("name")
    if not name:
        raise ArgsError("name: found none; expected the name of an image")
    known = images.login(settings, name, asked.get("authConfig"))
    return Client(known, verified=not asked.get("insecureSkipVerify")), references.place(name)


def _none(asked: Values) -> RefusedError:
    return RefusedError(f"image {asked['name']}: found none in its registry; expected it there")
