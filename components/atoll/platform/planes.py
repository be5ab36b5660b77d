"""The control plane as it is declared: what goes together, and what a chart is told. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

from atoll.platform.checks import Finding, driven
from atoll.platform.declaration import ControlPlane
from atoll.platform.problems import shown, unknown
from atoll.platform.values import Driver, PlaneDriver

SECTION = "controlPlane"
_NEEDED = {
    "cluster": "the cluster that the chart is put onto",
    "endpoint": "the address that its API server is reached by, such as https://karmada.example.com:5443",
}
_OF_CHART = (
    "cluster",
    "endpoint",
    "namespace",
    "replicas",
    "storage_class",
    "storage_size",
    "values",
    "timeout",
)
_RESERVED = {"certs": "Atoll makes the certificates", "installMode": "members join by Atoll"}


def problems(plane: ControlPlane, clusters: Iterable[str]) -> Iterator[Finding]:
    """Whether its driver and what is said of it go together; `clusters` are all that are declared."""
    if plane.driver is not PlaneDriver.CHART:
        yield from driven((SECTION,), Driver(plane.driver), plane.kubeconfig)
        for name in _OF_CHART:
            if getattr(plane, name) is not None:
                yield (
                    _path(name),
                    f"found one beside driver {plane.driver}; expected it with driver chart alone",
                )
        return
    if plane.kubeconfig:
        yield (
            (SECTION, "kubeconfig"),
            "found a map; expected none (Atoll makes the kubeconfig of its chart's)",
        )
    for name, what in _NEEDED.items():
        if getattr(plane, name) is None:
            yield (SECTION, name), f"found nothing; expected {what}"
    known = sorted(clusters)
    if plane.cluster and plane.cluster not in known:
        yield (SECTION, "cluster"), unknown(plane.cluster, known, "cluster")
    for name, why in _RESERVED.items():
        if name in (plane.values or {}):
            yield (SECTION, "values", name), f"found {shown(name)}; expected none ({why})"


def settings(plane: ControlPlane) -> dict[str, Any]:
    """What the chart is told, by the names of `ControlPlaneArgs`."""
    found = {name: getattr(plane, name) for name in _OF_CHART if name not in ("cluster", "timeout")}
    if plane.timeout:
        found["timeout_seconds"] = int(plane.timeout.total_seconds())
    return {name: value for name, value in found.items() if value is not None}


def _path(name: str) -> tuple[str, str]:
    return SECTION, {"storage_class": "storageClass", "storage_size": "storageSize"}.get(name, name)
