"""Containers in an inventory: what cannot be, and what each is once its image is told. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from atoll.core.errors import ArgsError
from atoll.platform import image_values, inventory
from atoll.platform.checks import Finding
from atoll.platform.declaration import Container, Declaration
from atoll.platform.problems import choice, shown
from atoll.registry.references import ImageRef

SECTION = "containers"


def problems(declared: Declaration, whole: Iterable[str]) -> Iterator[Finding]:
    """What is wrong beyond the shape of the values; `whole` are the containers that nothing was left out of."""
    for name in whole:
        if problem := _image(declared.containers[name].image, declared):
            yield (SECTION, name, "image"), problem
    yield from _shared(declared, whole)


def _image(text: str, declared: Declaration) -> str | None:
    """What is wrong with what a container runs."""
    asked = image_values.used(text)
    if not asked:
        try:
            ImageRef.parse(text)
        except ArgsError as error:
            return str(error)
        return None
    for _, unknown in image_values.problems(text, sorted(declared.images)):
        return unknown
    if text != _whole(text):
        return f"found {shown(text)}; expected ${{images.NAME.ref}} and nothing else, or one by its digest"
    built = sorted(name for name, image in declared.images.items() if image.from_ is None)
    if not asked <= set(built):
        # Its login would be one that no builder knows.
        return f"found {shown(text)}, which is copied; expected one that is built here: {choice(built)}"
    return None


def resolved(declared: Mapping[str, Container]) -> dict[str, inventory.Container]:
    """The containers, each with the name of its image where that is the inventory's."""
    return {
        name: inventory.Container(
            image=each.image,
            built=next(iter(image_values.used(each.image)), None),
            settings=_settings(each),
        )
        for name, each in declared.items()
    }


def _settings(container: Container) -> dict[str, Any]:
    found = container.model_dump(exclude={"image", "ports"}, exclude_unset=True, exclude_none=True)
    return {**found, "ports": _ports(container)} if container.ports else found


def _ports(container: Container) -> dict[int, int]:
    """{port of the machine: port in the container}."""
    pairs = (each.split(":") for each in container.ports)
    return {int(here): int(there) for here, there in pairs}


def _whole(text: str) -> str:
    (name, *_) = image_values.used(text)
    return f"${{images.{name}.ref}}"


def _shared(declared: Declaration, whole: Iterable[str]) -> Iterator[Finding]:
    """Ports of one engine's machine that two containers ask for."""
    seen: dict[tuple[str | None, int], str] = {}
    for name in whole:
        container = declared.containers[name]
        for port in _ports(container):
            first = seen.setdefault((container.engine, port), name)
            if first != name:
                yield (
                    (SECTION, name, "ports"),
                    f"found {port}, which {SECTION}.{first} has; expected one of its own",
                )
