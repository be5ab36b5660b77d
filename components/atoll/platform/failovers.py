"""Propagations whose Deployments leave a cluster that fails: what they need of the plane, the clusters and themselves. Pure."""

from collections.abc import Iterator

from atoll.core import naming
from atoll.federation import failover, placement
from atoll.federation.failover import FAILOVER
from atoll.kubernetes import identities
from atoll.platform import planes
from atoll.platform.checks import Finding
from atoll.platform.inventory import Inventory, Propagation
from atoll.platform.values import Driver, PlaneDriver

_OTHERS = {
    PlaneDriver.KUBECONFIG: "who runs it says whether Karmada drives out what stands on a cluster that fails",
    PlaneDriver.CHART: "the chart gives its webhook no --allow-no-execute-taint-policy",
}


def problems(declared: Inventory) -> Iterator[Finding]:
    """What keeps a propagation with `failover` from it."""
    for name, each in declared.propagations.items():
        if each.failover and each.resources:
            driver = declared.control_plane.driver
            if driver != Driver.LOCAL:
                expected = f"false with {planes.SECTION}.driver {driver} ({_OTHERS[PlaneDriver(driver)]})"
                yield ("propagations", name, "failover"), f"found true; expected {expected}"
            else:
                yield from _own(name, each)
            if (policy := naming.child(name, FAILOVER)) in declared.propagations:
                expected = f"it free (the placement of what moves of {name} has it)"
                yield ("propagations", policy), f"found {policy!r}; expected {expected}"


def _own(name: str, declared: Propagation) -> Iterator[Finding]:
    path = ("propagations", name, "failover")
    moving = [each for each in declared.resources if placement.moves(each)]
    if expected := failover.problem(moving, declared.clusters):
        yield path, f"found true; expected {expected}"
    for manifest in moving:
        patches = [
            patch
            for override in declared.overrides
            if identities.of(override.resource) == identities.of(manifest)
            for patch in override.patches
        ]
        if failover.sets_replicas(patches):
            yield path, failover.uneven(manifest)
