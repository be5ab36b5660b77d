"""Groups as Ansible has them: they nest, a cluster may be in several, and one of them has the last word. Pure.

Source: https://docs.ansible.com/ansible/latest/inventory_guide/intro_inventory.html (how variables are merged);
the order is that of ansible.inventory.helpers.sort_groups.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from atoll.platform.declaration import Cluster, Group, Settings
from atoll.platform.inventory import EVERYWHERE


@dataclass(frozen=True)
class Groups:
    """The groups of an environment and the clusters that are declared in it; names that nobody declares are left out."""

    groups: Mapping[str, Group]
    clusters: Mapping[str, Cluster]

    @cached_property
    def parents(self) -> dict[str, set[str]]:
        """For each group, the groups that name it as a child."""
        found: dict[str, set[str]] = {name: set() for name in self.groups}
        for name, group in self.groups.items():
            for child in group.children:
                if child in found:
                    found[child].add(name)
        return found

    @cached_property
    def circles(self) -> list[str]:
        """The groups that are above themselves, sorted."""
        return sorted(name for name in self.groups if name in self.above(self.parents[name]))

    def above(self, names: Iterable[str]) -> set[str]:
        """The groups with these names and all above them."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name in self.groups and name not in found:
                found.add(name)
                waiting.extend(self.parents[name])
        return found

    def depth(self, name: str) -> int:
        """How many groups are above one on the longest way."""
        return 1 + max((self.depth(parent) for parent in self.parents[name]), default=0)

    def precedence(self, cluster: str) -> tuple[str, ...]:
        """The groups of a cluster, the last wins: parent before child, then by priority, then by name."""
        direct = set(self.clusters[cluster].groups)
        direct |= {name for name, group in self.groups.items() if cluster in group.clusters}
        return tuple(sorted(self.above(direct), key=self._rank))

    def _rank(self, name: str) -> tuple[int, int, str]:
        return self.depth(name), self.groups[name].priority, name

    def layers(self, cluster: str) -> list[Settings]:
        """The groups of a cluster, in their order, and itself: the later wins."""
        return [*(self.groups[name] for name in self.precedence(cluster)), self.clusters[cluster]]

    def setting(self, cluster: str, key: str) -> Any:
        """What the last layer that has a key says; its null takes back what was said before."""
        said = [getattr(layer, key) for layer in self.layers(cluster) if key in layer.model_fields_set]
        return said[-1] if said else None

    @cached_property
    def members(self) -> dict[str, tuple[str, ...]]:
        """The clusters of each group, sorted; `all` has them all."""
        of = {cluster: self.precedence(cluster) for cluster in sorted(self.clusters)}
        found = {name: tuple(c for c, groups in of.items() if name in groups) for name in self.groups}
        return {**found, EVERYWHERE: tuple(of)}

    def knows(self, groups: Iterable[str], clusters: Iterable[str]) -> bool:
        """Whether all of these names are declared."""
        return set(groups) <= self.members.keys() and set(clusters) <= self.clusters.keys()

    def chosen(self, groups: Iterable[str], clusters: Iterable[str]) -> tuple[str, ...]:
        """The clusters that some groups and some names stand for together, sorted."""
        found = {name for group in groups for name in self.members.get(group, ())}
        return tuple(sorted(found | (set(clusters) & self.clusters.keys())))
