"""What goes from the checkout into a repository of a registry: where it lies, and where it goes. Pure."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from atoll.platform.checks import Finding
from atoll.platform.declaration import Declaration
from atoll.platform.problems import shown, unknown
from atoll.platform.tree import Path


def outside(path: Path, places: Mapping[str, str | None]) -> Iterator[Finding]:
    """Places that are not in the checkout, by the keys that declare them; None is not said."""
    for key, place in places.items():
        if place and (PurePosixPath(place).is_absolute() or ".." in PurePosixPath(place).parts):
            yield (*path, key), f"found {shown(place)}; expected a path in the checkout, from its top"


def missing(
    path: Path, declared: Declaration, registry: str, repositories: Mapping[str, str | None]
) -> Iterator[Finding]:
    """A registry that nobody declares, or repositories that it does not have, by the keys that name them."""
    found = declared.registries.get(registry)
    if found is None:
        yield (*path, "registry"), unknown(registry, sorted(declared.registries), "registry")
        return
    for key, named in repositories.items():
        if named and named not in found.repositories:
            yield (*path, key), unknown(named, sorted(found.repositories), "repository")
