"""Deployments whose replicas leave a cluster that fails: what is asked of them, and where Karmada put them. Pure.

Source: karmada-io/karmada v1.18.2, pkg/scheduler/core and pkg/controllers/cluster/taint_manager.go.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from atoll.kubernetes import identities

Manifest = dict[str, Any]
FAILOVER = "failover"
"""How the name ends of the policies of what moves, after that of its propagation."""
_API = "work.karmada.io/v1alpha2"
_REPLICAS = ("", "/spec", "/spec/replicas")
"""A patch of any of these is one of the number of replicas."""


def problem(moving: Collection[Mapping[str, Any]], clusters: Collection[str]) -> str | None:
    """What a propagation lacks whose Deployments are `moving`, or None."""
    if not moving:
        return "a Deployment among its resources (nothing else moves to another cluster)"
    if len(clusters) < 2:  # noqa: PLR2004 - one and another one
        return "two clusters or more (replicas leave one that fails for the others)"
    return None


def sets_replicas(patches: Iterable[Mapping[str, Any]]) -> bool:
    """Whether patches say how many replicas there are: an override goes over the share that Karmada gives."""
    return any(patch["path"] in _REPLICAS for patch in patches)


def uneven(manifest: Mapping[str, Any]) -> str:
    """What is said of a Deployment whose replicas are different somewhere."""
    return f"found replicas of {identities.label(manifest)} that differ by cluster; expected one number, which the clusters share"


def binding(deployment: Manifest) -> Manifest:
    """What names the binding of a Deployment, in which Karmada keeps where its replicas are (pkg/util/names)."""
    metadata = deployment["metadata"]
    name = f"{metadata['name']}-{deployment['kind']}".lower()
    return {
        "apiVersion": _API,
        "kind": "ResourceBinding",
        "metadata": {"name": name, "namespace": metadata.get("namespace") or "default"},
    }


@dataclass(frozen=True)
class Share:
    """Where the replicas of one Deployment are: `clusters` that have some of `replicas`."""

    clusters: frozenset[str]
    replicas: int

    @classmethod
    def of(cls, live: Manifest | None) -> "Share | None":
        """From its binding; None where Karmada has not placed it yet."""
        spec: Manifest = (live or {}).get("spec") or {}
        placed = frozenset(each["name"] for each in spec.get("clusters") or [])
        return cls(placed, int(spec.get("replicas") or 0)) if placed else None

    def is_fair(self, ready: Sequence[str]) -> bool:
        """Whether as many of the clusters that are Ready have some as can be."""
        return len(self.clusters & set(ready)) >= min(self.replicas, len(ready))


def sharing_anew(now: datetime | None = None) -> Manifest:
    """What makes Karmada share replicas out anew: it does so by itself only where some are lost or their number changes."""
    return {"spec": {"rescheduleTriggeredAt": (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")}}
