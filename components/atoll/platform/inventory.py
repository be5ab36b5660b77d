"""What an environment is made of, resolved: layers merged, groups followed, variables filled in. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

CONTROL_PLANE = "control-plane"
"""The name of the control plane, beside those of the clusters."""
EVERYWHERE = "all"
"""The group that every cluster is in."""

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Kubeconfig:
    """Where the access to an existing cluster is. `declared` is the line and path that say so."""

    file: str
    context: str | None = None
    declared: str = ""


@dataclass(frozen=True)
class ControlPlane:
    """The Karmada control plane: who brings it, and where it is when that is somebody else."""

    driver: str
    kubeconfig: Kubeconfig | None = None


@dataclass(frozen=True)
class Cluster:
    """One cluster, with what its groups give to it.

    `nodes` is that of a local cluster; `groups` are in the order of precedence, the last wins.
    """

    driver: str
    kubeconfig: Kubeconfig | None = None
    nodes: int | None = None
    region: str | None = None
    zone: str | None = None
    provider: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Override:
    """What is different about one object in some clusters; `resource` is its manifest on the plane."""

    resource: Manifest
    clusters: tuple[str, ...]
    patches: tuple[Manifest, ...]


@dataclass(frozen=True)
class Propagation:
    """Objects and where they go, by sorted names; what variables make different comes before what is declared."""

    resources: tuple[Manifest, ...]
    clusters: tuple[str, ...]
    overrides: tuple[Override, ...] = ()
    timeout: timedelta = timedelta(seconds=60)


@dataclass(frozen=True)
class Inventory:
    """One environment. `project` is the checkout, `groups` are the names of each group's clusters, sorted."""

    environment: str
    project: Path
    control_plane: ControlPlane
    clusters: Mapping[str, Cluster]
    groups: Mapping[str, tuple[str, ...]]
    propagations: Mapping[str, Propagation]
