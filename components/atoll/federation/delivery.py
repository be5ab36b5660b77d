"""Whether a cluster runs what was written on the plane: decided from what was seen. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from atoll.core import naming
from atoll.kubernetes import identities

Manifest = dict[str, Any]
_NAMED = re.compile(r"\b(?:propagation|bundle) \S+: cluster (\S+): ")
REVISION = f"{naming.PACKAGE}.dev/revision"
"""The annotation that tells which write an object in a member comes from.

Karmada's own status cannot: the Work's Applied condition carries no generation, and kinds without a spec have
none at all.
"""


@dataclass(frozen=True)
class Wanted:
    """One object as it was written: `revision` is what a member's copy must carry."""

    api_version: str
    kind: str
    name: str
    revision: str
    namespace: str | None = None

    @classmethod
    def of(cls, values: Manifest, cluster: str) -> "Wanted":
        """One cluster's copy, from the gate's inputs: `revisions` are those of clusters with overrides."""
        revision = values.get("revisions", {}).get(cluster, values["revision"])
        return cls(values["apiVersion"], values["kind"], values["name"], revision, values.get("namespace"))

    @property
    def label(self) -> str:
        """How people call it."""
        return identities.label(self.manifest)

    @property
    def manifest(self) -> Manifest:
        """What names it to an API."""
        metadata = {"name": self.name} | ({"namespace": self.namespace} if self.namespace else {})
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": metadata}


def revision(manifest: Manifest) -> str | None:
    """Which write an object comes from, or None where it is nobody's."""
    found: str | None = (manifest["metadata"].get("annotations") or {}).get(REVISION)
    return found


def lag(wanted: Wanted, live: Manifest | None) -> str | None:
    """What a member's copy lacks, or None where it is as it was written and runs."""
    if live is None:
        return f"{wanted.label} is not there yet"
    if revision(live) != wanted.revision:
        return f"{wanted.label} is an older one"
    problem = rollout(live)
    return f"{wanted.label}: {problem}" if problem else None


def rollout(live: Manifest) -> str | None:
    """What a workload's rollout lacks, or None; kinds that do not roll out never lack.

    Source: kubectl rollout status (k8s.io/kubectl/pkg/polymorphichelpers).
    """
    if live["kind"] not in {"Deployment", "StatefulSet"}:
        return None
    status, want = live.get("status", {}), live["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < live["metadata"]["generation"]:
        return "its change was not taken up yet"
    updated, ready = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < want or ready < want or status.get("replicas", 0) > want:
        return f"{min(updated, ready)} of {want} replicas available"
    return None


def unjoined(cluster: Manifest | None) -> str | None:
    """Why there is no member to ask, from its Cluster object, or None."""
    if cluster is None:
        return "it has not joined"
    return None if _ready(cluster) else "it has no status yet"


def unready(cluster: Manifest | None) -> str | None:
    """Why Karmada does not serve a member, from its Cluster object, or None."""
    if cluster is None or not (ready := _ready(cluster)):
        return unjoined(cluster)
    return None if ready["status"] == "True" else f"not Ready ({ready.get('reason')}: {ready.get('message')})"


def _ready(cluster: Manifest) -> Manifest:
    conditions = cluster.get("status", {}).get("conditions") or []
    return next((entry for entry in conditions if entry["type"] == "Ready"), {})


def summary(name: str, lagging: dict[str, list[str]], waited: float) -> Iterable[str]:
    """One line for each cluster that lags, the first reason named."""
    for cluster, reasons in sorted(lagging.items()):
        more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        yield f"propagation {name}: cluster {cluster}: {reasons[0]}{more} after {waited:.0f} s"


def named(line: str) -> list[str]:
    """The clusters that a line of such a summary, or of a bundle's, is about."""
    return _NAMED.findall(line)
