"""What the inventory says of what goes to clusters, as the arguments of its components."""

from typing import cast

from atoll.federation import (
    BundleArgs,
    ConflictResolution,
    ControlPlane,
    Override,
    Patch,
    PropagationArgs,
)
from atoll.platform import inventory


def of_propagation(plane: ControlPlane, settings: inventory.Propagation) -> PropagationArgs:
    """The arguments of a propagation."""
    return PropagationArgs(
        control_plane=plane,
        resources=settings.resources,
        clusters=settings.clusters,
        overrides=[_override(rule) for rule in settings.overrides],
        timeout_seconds=int(settings.timeout.total_seconds()),
        failover=settings.failover,
    )


def of_bundle(plane: ControlPlane, settings: inventory.Bundle) -> BundleArgs:
    """The arguments of a bundle."""
    return BundleArgs(
        control_plane=plane,
        resources=settings.resources,
        clusters=settings.clusters,
        overrides=[_override(rule) for rule in settings.overrides],
        conflict_resolution=ConflictResolution(settings.conflict_resolution),
        timeout_seconds=int(settings.timeout.total_seconds()),
    )


def _override(rule: inventory.Override) -> Override:
    # The patches were checked as they were declared.
    patches = cast("tuple[Patch, ...]", rule.patches)
    return Override(resource=rule.resource, clusters=rule.clusters, patches=patches)
