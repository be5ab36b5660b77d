"""Publications and releases as components: a chart is rendered as the program runs, and proven by what its registry has.

What is rendered gives the objects their names, which a program has to know; the proof is a resource (`RenderedChart`), so
that nothing is written before the registry has the chart, and it knows what an image is called once that is built.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from atoll.charts import ChartPublication, ChartPublicationArgs, manifests, source, weaving
from atoll.charts.resources import RenderedChart
from atoll.helm import Chart, Login
from atoll.platform import image_values, releases, workloads
from atoll.platform.inventory import Inventory, Publication, Release
from atoll.registry import Image, ImageCopy, Registry, Repository, access

_OCI = "oci://"


@dataclass(frozen=True)
class Parts:
    """What releases are made of, each by its name in the inventory."""

    declared: Inventory
    registries: Mapping[str, Registry]
    repositories: Mapping[tuple[str, str], Repository]
    publications: Mapping[str, ChartPublication]
    images: Mapping[str, Image | ImageCopy]

    def values(self, settings: Release) -> Any:
        """The values of a release, with outputs for its images."""
        found = {
            name: {"ref": image.ref, "repository": self._repository(name).uri, "digest": image.digest}
            for name, image in self.images.items()
        }
        return image_values.filled(settings.values, found, lambda pieces: pulumi.Output.concat(*pieces))

    def _repository(self, image: str) -> Repository:
        settings = self.declared.every_image[image]
        return self.repositories[settings.registry, settings.repository]


def registry(settings: Release, declared: Inventory) -> str:
    """The declared registry that the chart of a release comes from, or nothing."""
    if name := settings.chart.get("publication"):
        return declared.publications[name].registry
    return settings.chart.get("registry", "")


def publication(
    settings: Publication, repository: Repository, registry: Registry
) -> tuple[ChartPublicationArgs, pulumi.ResourceOptions]:
    """What a publication is made of. In a registry a chart has its own name, so that the repository's is the way there."""
    place = repository.uri.apply(lambda uri: f"{_OCI}{uri.rpartition('/')[0]}")
    args = ChartPublicationArgs(chart=settings.chart, repository=place, registry=registry.reference)
    return args, pulumi.ResourceOptions(depends_on=[repository.gate])


def objects(name: str, settings: Release, parts: Parts) -> tuple[list[dict[str, Any]], list[pulumi.Resource]]:
    """The objects of a release, and what must be there before them."""
    chart, where = _chart(settings, parts), f"release {name}"
    used = image_values.used(settings.values)
    first = _rendered(chart, name, settings, parts, "a")
    workloads.refuse(where, first, settings.clusters, parts.declared)
    if not used and "publication" not in settings.chart:
        return first, []
    second = _rendered(chart, name, settings, parts, "b") if used else first
    late = weaving.later(first, second, where)
    inputs = {
        **taken(settings, parts),
        "release": name,
        "namespace": settings.namespace,
        "values": pulumi.Output.json_dumps(parts.values(settings), sort_keys=True),
        "expected": json.dumps(weaving.expected(first, late)),
    }
    made = RenderedChart(releases.chart(name), inputs)

    def leaf(path: weaving.Path) -> pulumi.Output[Any]:
        return made.manifests.apply(lambda text: weaving.at(json.loads(text), path))

    return weaving.woven(first, late, leaf), [made]


def _rendered(chart: Chart, name: str, settings: Release, parts: Parts, letter: str) -> list[dict[str, Any]]:
    given = image_values.filled(
        settings.values, image_values.stand_ins(parts.declared.image_repositories, letter)
    )
    return manifests(chart, name, settings.namespace, given)


def _chart(settings: Release, parts: Parts) -> Chart:
    """The chart as the program has it: that of a publication lies in the checkout too."""
    if folder := settings.folder(parts.declared):
        return source.chart({"path": str(parts.declared.project / folder)})
    if "registry" not in settings.chart:
        return source.chart(settings.chart)
    login = access.login(parts.registries[settings.chart["registry"]].reference)
    named = f"{_OCI}{login.address}/{settings.chart['oci']}"
    return Chart(named, login=Login(login.user, login.password), authority=login.authority)


def taken(settings: Release, parts: Parts) -> dict[str, Any]:
    """Where the chart is taken from when its release is made: `source`, and `registry` where one is declared."""
    chart = settings.chart
    if "publication" in chart:
        published = parts.declared.publications[chart["publication"]]
        reference = parts.publications[chart["publication"]].reference
        return {
            "source": {"oci": reference},
            "registry": parts.registries[published.registry].reference,
        }
    if "registry" in chart:
        registry = parts.registries[chart["registry"]]
        named = pulumi.Output.concat(_OCI, registry.address, "/", chart["oci"])
        return {"source": {"oci": named}, "registry": registry.reference}
    return {"source": dict(chart)}
