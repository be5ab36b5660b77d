"""Images in an inventory: what cannot be, and what each is once everything that was not said is filled in. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from pydantic.alias_generators import to_camel

from atoll.core import naming
from atoll.core.errors import ArgsError
from atoll.platform import inventory
from atoll.platform.checks import Finding
from atoll.platform.declaration import Declaration, Image
from atoll.platform.problems import shown, unknown
from atoll.registry.references import ImageRef

SECTION = "images"
_BUILDER = "builder"
_OF_BUILDS = frozenset({"build_args", "builder", "cache", "dockerfile", "labels", "platforms", "target"})


def builder(existing: str) -> str:
    """What the builder is called that a name of buildx's leads to; no name is that of this machine."""
    return naming.child(_BUILDER, existing) if existing else _BUILDER


def problems(declared: Declaration, whole: Iterable[str]) -> Iterator[Finding]:
    """What is wrong beyond the shape of the values; `whole` are the images that nothing was left out of."""
    for name in whole:
        image, path = declared.images[name], (SECTION, name)
        for key, place in (("context", image.context), ("dockerfile", image.dockerfile)):
            if place and not _inside(place):
                yield (*path, key), f"found {shown(place)}; expected a path in the checkout, from its top"
        if image.builder and (problem := naming.dns_label_problem(image.builder)):
            yield (*path, "builder"), f"found {shown(image.builder)}; {problem}"
        yield from _origin(path, image)
        yield from _target(path, image, declared)
    yield from _twice(declared, whole)


def _origin(path: tuple[str, str], image: Image) -> Iterator[Finding]:
    """An image is built or copied, and nothing is said of a build that is none."""
    if (image.context is None) is (image.from_ is None):
        found = "both context and from" if image.from_ else "neither context nor from"
        yield path, f"found {found}; expected one of them"
    if image.from_ is None:
        return
    try:
        ImageRef.parse(image.from_)
    except ArgsError as error:
        yield (*path, "from"), str(error)
    others = _OF_BUILDS & image.model_fields_set
    if image.context is None and others:
        listed = ", ".join(sorted(map(to_camel, others)))
        yield path, f"found {listed}; expected none beside from (a copy is what its source is)"


def _target(path: tuple[str, str], image: Image, declared: Declaration) -> Iterator[Finding]:
    registry = declared.registries.get(image.registry)
    if registry is None:
        yield (*path, "registry"), unknown(image.registry, sorted(declared.registries), "registry")
        return
    for key, named in (("repository", image.repository), ("cache", image.cache)):
        if named and named not in registry.repositories:
            yield (*path, key), unknown(named, sorted(registry.repositories), "repository")


def _twice(declared: Declaration, whole: Iterable[str]) -> Iterator[Finding]:
    """Images of one repository with one tag, which would come to mean now the one and now the other."""
    seen: dict[tuple[str, str, str], str] = {}
    for name in whole:
        image = declared.images[name]
        for tag in _tags(image):
            first = seen.setdefault((image.registry, image.repository, tag), name)
            if first != name:
                text = f"found {tag!r}, a tag of {SECTION}.{first} in the same repository; expected one of its own"
                yield (SECTION, name, "tags"), text


def _tags(image: Image) -> list[str]:
    """The tags of an image; one that is copied has no usual one."""
    return image.tags if image.from_ is None or "tags" in image.model_fields_set else []


def _inside(place: str) -> bool:
    path = PurePosixPath(place)
    return not path.is_absolute() and ".." not in path.parts


def copied(declared: Mapping[str, Image]) -> dict[str, inventory.ImageCopy]:
    """The images that are copied."""
    return {
        name: inventory.ImageCopy(image.from_, image.registry, image.repository, tuple(_tags(image)))
        for name, image in declared.items()
        if image.from_ is not None
    }


def resolved(declared: Mapping[str, Image], where: Mapping[str, str]) -> dict[str, inventory.Image]:
    """The images that are built; `where` is the line and path that declare each one's context."""
    return {
        name: inventory.Image(
            context=image.context,
            registry=image.registry,
            repository=image.repository,
            builder=image.builder or "",
            cache=image.cache,
            settings=image.model_dump(
                include={"dockerfile", "target", "platforms", "build_args", "labels", "tags"},
                exclude_unset=True,
                exclude_none=True,
            ),
            declared=where[name],
        )
        for name, image in declared.items()
        if image.context is not None
    }
