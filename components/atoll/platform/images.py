"""Images in an inventory: what cannot be, and what each is once everything that was not said is filled in. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from pydantic.alias_generators import to_camel

from atoll.core import naming
from atoll.core.errors import ArgsError
from atoll.platform import inventory, targets
from atoll.platform.checks import Finding
from atoll.platform.declaration import Declaration, Image
from atoll.platform.problems import choice, shown
from atoll.registry.references import ImageRef

SECTION = "images"
_BUILDER = "builder"
_OF_BUILDS = frozenset(
    {"build_args", "builder", "cache", "dockerfile", "labels", "platforms", "secrets", "target"}
)


def builder(existing: str) -> str:
    """What the builder is called that a name of buildx's leads to; no name is that of this machine."""
    return naming.child(_BUILDER, existing) if existing else _BUILDER


def problems(declared: Declaration, whole: Iterable[str]) -> Iterator[Finding]:
    """What is wrong beyond the shape of the values; `whole` are the images that nothing was left out of."""
    for name in whole:
        image, path = declared.images[name], (SECTION, name)
        yield from targets.outside(path, {"context": image.context, "dockerfile": image.dockerfile})
        if image.builder and (problem := naming.dns_label_problem(image.builder)):
            yield (*path, "builder"), f"found {shown(image.builder)}; {problem}"
        yield from _origin(path, image)
        repositories = {"repository": image.repository, "cache": image.cache}
        yield from targets.missing(path, declared, image.registry, repositories)
        for id_, source in image.secrets.items():
            if problem := _secret(source, declared):
                yield (*path, "secrets", id_), problem
    yield from _twice(declared, whole)


def _secret(source: tuple[str, str], declared: Declaration) -> str | None:
    """What is wrong with where a secret is. What was found is not shown: it may be the secret itself."""
    name, key = source
    if name not in declared.sealed_secrets:
        known = sorted(declared.sealed_secrets)
        return f"found the name of no sealed secret; expected {choice(known) if known else 'one of sealedSecrets'}"
    secret = declared.sealed_secrets[name]
    keys = sorted(secret.values or secret.generated)
    # Which keys a file has is seen when it is read.
    return (
        None
        if secret.sops or not keys or key in keys
        else f"found no such key of {name}; expected {choice(keys)}"
    )


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
            secrets=image.secrets,
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
