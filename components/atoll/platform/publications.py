"""Publications in an inventory: what cannot be, and what each is. Pure.

What is wrong with a chart, its version included, is told by the publication itself.
"""

from collections.abc import Iterable, Iterator, Mapping

from atoll.platform import inventory, targets
from atoll.platform.checks import Finding
from atoll.platform.declaration import Declaration, Publication

SECTION = "publications"


def problems(declared: Declaration, whole: Iterable[str]) -> Iterator[Finding]:
    """What is wrong beyond the shape of the values; `whole` are the publications that nothing was left out of."""
    for name in whole:
        publication, path = declared.publications[name], (SECTION, name)
        yield from targets.outside(path, {"chart": publication.chart})
        yield from targets.missing(
            path, declared, publication.registry, {"repository": publication.repository}
        )


def resolved(
    declared: Mapping[str, Publication], where: Mapping[str, str]
) -> dict[str, inventory.Publication]:
    """The publications; `where` is the line and path that declare each one."""
    return {
        name: inventory.Publication(each.chart, each.registry, each.repository, where[name])
        for name, each in declared.items()
    }
