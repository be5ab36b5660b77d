"""Images in an inventory: what cannot be, and what each is once everything that was not said is filled in. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from atoll.core import naming
from atoll.platform import inventory, targets
from atoll.platform.checks import Finding
from atoll.platform.declaration import Declaration, Image
from atoll.platform.problems import choice, shown

SECTION = "images"
_BUILDER = "builder"


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


def _twice(declared: Declaration, whole: Iterable[str]) -> Iterator[Finding]:
    """Images of one repository with one tag, which would come to mean now the one and now the other."""
    seen: dict[tuple[str, str, str], str] = {}
    for name in whole:
        image = declared.images[name]
        for tag in image.tags:
            first = seen.setdefault((image.registry, image.repository, tag), name)
            if first != name:
                text = f"found {tag!r}, a tag of {SECTION}.{first} in the same repository; expected one of its own"
                yield (SECTION, name, "tags"), text


def resolved(declared: Mapping[str, Image], where: Mapping[str, str]) -> dict[str, inventory.Image]:
    """The images; `where` is the line and path that declare each one's context."""
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
    }
