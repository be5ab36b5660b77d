"""Bundles: what goes to its clusters in one Work each. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from atoll.kubernetes import identities
from atoll.platform import declaration, manifests, tree
from atoll.platform.inventory import Bundle, Propagation
from atoll.platform.manifests import Finding
from atoll.platform.problems import choice
from atoll.platform.tree import Path

SECTION = "bundles"


def resolved(declared: declaration.Bundle, carried: Propagation) -> Bundle:
    """A bundle, of what it carries and where."""
    return Bundle(
        carried.resources,
        carried.clusters,
        carried.overrides,
        carried.timeout,
        conflict_resolution=str(declared.conflict_resolution),
    )


def overlaps(bundles: Mapping[str, Bundle], propagations: Mapping[str, Propagation]) -> Iterator[Finding]:
    """One object in two places of which both go to a cluster: each would overwrite the other's there.

    Two bundles may carry an object of one name to different clusters: nothing of a bundle lies on the plane itself.
    """
    seen: dict[tuple[Any, ...], list[tuple[Path, Sequence[str]]]] = {}
    for section, carried in (("propagations", propagations), (SECTION, bundles)):
        for name, each in carried.items():
            for index, resource in enumerate(each.resources):
                if any(manifests.nameless(resource)):
                    continue
                path: Path = (section, name, "resources", index)
                others = seen.setdefault(identities.of(resource), [])
                if section == SECTION:
                    yield from _again(path, resource, each.clusters, others)
                others.append((path, each.clusters))


def _again(
    path: Path,
    resource: Mapping[str, Any],
    clusters: Sequence[str],
    others: Sequence[tuple[Path, Sequence[str]]],
) -> Iterator[Finding]:
    for other, theirs in others:
        if both := sorted(set(clusters) & set(theirs)):
            text = f"found {identities.label(resource)} again; expected it once in {choice(both, 'and')}"
            yield path, f"{text} (it is {tree.dotted(other)} too)"
            return
