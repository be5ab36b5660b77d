"""The namespaces of secrets: something has to bring one to each cluster that a secret goes to. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from atoll.kubernetes import identities
from atoll.platform import inventory
from atoll.platform.checks import Finding
from atoll.platform.inventory import Propagation
from atoll.platform.problems import choice, shown
from atoll.platform.tree import Path

_EVERYWHERE = "default"
"""The namespace that every cluster has."""


@dataclass(frozen=True)
class Placed:
    """Something that goes into a namespace of some clusters; `path` is where it is declared."""

    path: Path
    namespace: str
    clusters: tuple[str, ...]


def homeless(found: Iterable[Placed], propagations: Mapping[str, Propagation]) -> Iterator[Finding]:
    """What goes to clusters that do not get its namespace."""
    for each in found:
        brought = {
            cluster
            for propagation in propagations.values()
            if brings(propagation, each.namespace)
            for cluster in propagation.clusters
        }
        missing = sorted(set(each.clusters) - brought)
        if missing and each.namespace != _EVERYWHERE:
            told = f"found {shown(each.namespace)}, which no propagation brings to {choice(missing, 'and')}"
            yield (
                (*each.path, "namespace"),
                f"{told}; expected one with that Namespace among its resources",
            )


def brings(propagation: Propagation, namespace: str) -> bool:
    """Whether a propagation has a namespace among its objects."""
    return any(
        identities.of(resource) == identities.of(home(namespace)) for resource in propagation.resources
    )


def home(namespace: str) -> inventory.Manifest:
    """What names a namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
