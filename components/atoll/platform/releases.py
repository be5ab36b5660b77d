"""Releases in an inventory: what must hold between them and the rest, and what follows from them. Pure."""

from collections.abc import Iterable, Iterator

from atoll.charts import source
from atoll.core import naming
from atoll.platform import image_values, inventory, manifests
from atoll.platform.checks import Finding
from atoll.platform.declaration import Declaration, Release
from atoll.platform.groups import Groups
from atoll.platform.namespaces import Placed
from atoll.platform.problems import choice, shown, unknown

SECTION = "releases"
_ROLE, _CHART = "release", "chart"
_ANY_HOST = "oci://registry.example/"


def propagation(name: str) -> str:
    """What the propagation of a release's objects is called."""
    return naming.child(name, _ROLE)


def chart(name: str) -> str:
    """What the chart of a release is called, as it was rendered."""
    return naming.child(name, _CHART)


def problems(declared: Declaration, whole: Iterable[str]) -> Iterator[Finding]:
    """What cannot be, whatever else there is; `whole` are those that nothing was left out of."""
    for name in whole:
        path, release = (SECTION, name), declared.releases[name]
        for field, text in _chart_problems(_source(release), declared):
            yield (*path, "chart", *([field] if field else [])), text
        for where, text in image_values.problems(release.values, sorted(declared.images)):
            yield (*path, "values", *where), text
    for name, release in declared.releases.items():
        if problem := manifests.namespace_problem(release.namespace):
            yield (SECTION, name, "namespace"), problem
        if propagation(name) in declared.propagations:
            yield (
                (SECTION, name),
                f"found {propagation(name)!r} among the propagations; expected it free (it carries this release)",
            )


def _chart_problems(chart: dict[str, str], declared: Declaration) -> Iterator[tuple[str, str]]:
    """What is wrong with where a chart comes from: the field, and the text for it."""
    others = sorted(chart.keys() - {"publication"})
    if "publication" in chart:
        if others:
            yield "", f"found {choice(others, 'and')} beside publication; expected publication alone"
        elif chart["publication"] not in declared.publications:
            yield "publication", unknown(chart["publication"], sorted(declared.publications), "publication")
        return
    if "registry" not in chart:
        for field, text in source.problems(chart):
            yield field, text if field else f"{text} (or publication)"
        return
    if chart["registry"] not in declared.registries:
        yield "registry", unknown(chart["registry"], sorted(declared.registries), "registry")
    if others != ["oci", "registry"]:
        yield "", f"found {choice(others, 'and')}; expected registry with oci alone beside it"
    elif list(source.problems({"oci": f"{_ANY_HOST}{chart['oci']}"})):
        yield (
            "oci",
            f"found {shown(chart['oci'])}; expected NAME@sha256:... (registry says where, the digest what it is)",
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
