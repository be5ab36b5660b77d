"""What needs pods, and clusters that run none: the lean ones. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from atoll.cluster.local import lean
from atoll.core.errors import ArgsError
from atoll.kubernetes import identities
from atoll.platform import bundles, planes
from atoll.platform.checks import Finding
from atoll.platform.inventory import Cluster, Inventory
from atoll.platform.problems import choice

_WHY = "(a lean one runs no pods)"


def problems(declared: Inventory) -> Iterator[Finding]:
    """What goes to a lean cluster and would wait there for ever, as far as the inventory tells; a chart tells later."""
    host = declared.control_plane.cluster
    if _lean(declared.clusters, [host]):
        yield (planes.SECTION, "cluster"), f"found {host!r}; expected a cluster with nodes {_WHY}"
    for section, carried in (("propagations", declared.propagations), (bundles.SECTION, declared.bundles)):
        for name, each in carried.items():
            without = _lean(declared.clusters, each.clusters)
            for index, manifest in enumerate(each.resources if without else ()):
                if _needs_nodes(manifest):
                    yield (section, name, "resources", index), _found(manifest, without)
    for name, release in declared.releases.items():
        if release.hooks and (without := _lean(declared.clusters, release.clusters)):
            expected = f"false for {choice(without, 'and')} {_WHY}"
            yield ("releases", name, "hooks"), f"found true; expected {expected}"


def refuse(
    where: str, objects: Iterable[Mapping[str, Any]], goes: Iterable[str], declared: Inventory
) -> None:
    """Refuses objects of a chart that would wait for ever in one of the clusters where they go.

    Raises:
        ArgsError: the first of them.
    """
    without = _lean(declared.clusters, goes)
    for manifest in filter(_needs_nodes, objects if without else ()):
        raise ArgsError(f"{where}: {_found(manifest, without)}")


def _lean(clusters: Mapping[str, Cluster], chosen: Iterable[str]) -> list[str]:
    return [name for name in chosen if (found := clusters.get(name)) and found.lean]


def _needs_nodes(manifest: Mapping[str, Any]) -> bool:
    return lean.needs_nodes(str(manifest.get("apiVersion")), str(manifest.get("kind")))


def _found(manifest: Mapping[str, Any], without: list[str]) -> str:
    return f"found {identities.label(manifest)} for {choice(without, 'and')}; expected clusters with nodes {_WHY}"
