"""Releases in an inventory: what must hold between them and the rest, and what follows from them. Pure."""

from collections.abc import Iterable, Iterator

from atoll.charts import source
from atoll.core import naming
from atoll.platform import inventory, manifests
from atoll.platform.checks import Finding
from atoll.platform.declaration import Declaration, Release
from atoll.platform.groups import Groups
from atoll.platform.namespaces import Placed

SECTION = "releases"
_ROLE = "release"


def propagation(name: str) -> str:
    """What the propagation of a release's objects is called."""
    return naming.child(name, _ROLE)


def problems(declared: Declaration, whole: Iterable[str]) -> Iterator[Finding]:
    """What cannot be, whatever else there is; `whole` are those that nothing was left out of."""
    for name in whole:
        for field, text in source.problems(_source(declared.releases[name])):
            yield (SECTION, name, "chart", *([field] if field else [])), text
    for name, release in declared.releases.items():
        if problem := manifests.namespace_problem(release.namespace):
            yield (SECTION, name, "namespace"), problem
        if propagation(name) in declared.propagations:
            yield (
                (SECTION, name),
                f"found {propagation(name)!r} among the propagations; expected it free (it carries this release)",
            )


def resolve(declared: Release, groups: Groups, where: str) -> inventory.Release:
    """A release with its clusters; `where` is the line and path that declare it."""
    return inventory.Release(
        chart=_source(declared),
        namespace=declared.namespace,
        clusters=groups.chosen(declared.groups, declared.clusters),
        values=declared.values,
        hooks=declared.hooks,
        timeout=declared.timeout,
        declared=where,
    )


def placed(declared: inventory.Inventory) -> Iterator[Placed]:
    """Where the releases go."""
    for name, release in declared.releases.items():
        yield Placed((SECTION, name), release.namespace, release.clusters)


def _source(declared: Release) -> dict[str, str]:
    return {str(field): value for field, value in declared.chart.items()}
