"""What goes to which clusters: manifests with each cluster's variables, and the patches that follow. Pure.

The plane has one template for all clusters. It is filled in with the environment's own variables, and, where one
is not set there, with that of the first cluster in the inventory; what is different elsewhere becomes a patch.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from atoll.kubernetes import identities
from atoll.platform import declaration, manifests, patches, tree
from atoll.platform.groups import Groups
from atoll.platform.inventory import Manifest, Override, Propagation
from atoll.platform.manifests import Finding
from atoll.platform.problems import choice, shown, unknown
from atoll.platform.tree import Path
from atoll.platform.values import Operation
from atoll.platform.variables import Rendering, names


@dataclass(frozen=True)
class Scopes:
    """The variables of the environment, and those in effect in each cluster, in inventory order."""

    environment: Mapping[str, Any]
    clusters: Mapping[str, Mapping[str, Any]]

    def plane(self, clusters: Sequence[str]) -> Mapping[str, Any]:
        """What the template for some clusters is filled in with."""
        first = next((name for name in self.clusters if name in clusters), None)
        return tree.merged(self.clusters[first], self.environment) if first else self.environment


@dataclass
class Resolution:
    """One propagation while it is resolved.

    `findings` are what is wrong with it, `undefined` the variables that are missing, with the clusters that lack
    them; paths start at the propagation.
    """

    declared: declaration.Carried
    groups: Groups
    scopes: Scopes
    findings: list[Finding] = field(default_factory=list)
    undefined: dict[Finding, list[str]] = field(default_factory=lambda: defaultdict(list))

    @cached_property
    def clusters(self) -> tuple[str, ...]:
        """Where it goes, sorted."""
        return self.groups.chosen(self.declared.groups, self.declared.clusters)

    def resolve(self) -> Propagation:
        """The propagation as far as it can be resolved."""
        if not self.declared.resources:
            self.findings.append((("resources",), "found an empty list; expected at least one manifest"))
        indices = range(len(self.declared.resources))
        named = [self._named(index) for index in indices]
        if not all(named):
            return Propagation((), self.clusters)
        found = [self._resource(index) for index in indices]
        resources = [template for template, _ in found]
        rules = [rule for _, generated in found for rule in generated]
        for index, override in enumerate(self.declared.overrides):
            rules += self._override(("overrides", index), override, resources)
        return Propagation(tuple(resources), self.clusters, tuple(rules), self.declared.timeout)

    def missing_variables(self) -> Iterator[Finding]:
        """One line for each place that asks for a variable that some cluster does not have."""
        for (path, name), clusters in self.undefined.items():
            known = sorted({each for cluster in clusters for each in names(self.scopes.clusters[cluster])})
            place = f" in {choice(clusters, 'and')}"
            yield path, unknown(f"${{{name}}}", [f"${{{each}}}" for each in known], "variable", place)

    def _named(self, index: int) -> bool:
        missing = list(manifests.nameless(self.declared.resources[index]))
        self._find(("resources", index), missing)
        return not missing

    def _resource(self, index: int) -> tuple[Manifest, list[Override]]:
        """The template of one resource, and what its variables make different somewhere."""
        path: Path = ("resources", index)
        declared = self.declared.resources[index]
        template: Manifest = Rendering(self.scopes.plane(self.clusters)).of(declared)
        if missing := list(manifests.nameless(template)):
            self._find(path, missing)
            return template, []
        self._find(path, manifests.unfit(template))
        renderings = {name: self._in_cluster(declared, path, name) for name in self.clusters}
        self._find(path, _moved(template, renderings))
        differences = {name: patches.between(template, each) for name, each in renderings.items()}
        return template, [Override(template, *rule) for rule in patches.grouped(differences)]

    def _override(
        self, path: Path, override: declaration.Override, resources: Sequence[Manifest]
    ) -> list[Override]:
        """A declared override, split where variables make its patches different."""
        found = [resource for resource in resources if _means(override.resource, resource)]
        if len(found) != 1:
            self.findings.append(((*path, "resource"), _unclear(override.resource, found, resources)))
            return []
        written = [_written(patch) for patch in override.patches]
        for index, patch in enumerate(override.patches):
            self._find((*path, "patches", index), _unfit(patch))
        if not written:
            self._find(path, [(("patches",), "found an empty list; expected at least one patch")])
        chosen = self.groups.chosen(override.groups, override.clusters)
        by_cluster = {
            name: tuple(self._in_cluster(written, (*path, "patches"), name))
            for name in chosen
            if name in self.clusters
        }
        return [Override(found[0], *rule) for rule in patches.grouped(by_cluster)]

    def _in_cluster(self, value: Any, path: Path, cluster: str) -> Any:
        rendering = Rendering(self.scopes.clusters[cluster])
        found = rendering.of(value, path)
        self.findings += rendering.faults
        for undefined in rendering.undefined:
            self.undefined[undefined].append(cluster)
        return found

    def _find(self, path: Path, findings: Iterable[Finding]) -> None:
        self.findings += [((*path, *where), text) for where, text in findings]


def _moved(template: Manifest, renderings: Mapping[str, Manifest]) -> Iterator[Finding]:
    """Where an object would be another one in some cluster."""
    for path in manifests.IDENTITY:
        here = manifests.at(template, path)
        for cluster, rendering in renderings.items():
            there = manifests.at(rendering, path)
            if here != there:
                yield (
                    path,
                    f"found {shown(there)} in {cluster} and {shown(here)} elsewhere; expected one for all",
                )
                break


def _means(reference: declaration.Reference, resource: Manifest) -> bool:
    """Whether a reference names an object; what it leaves out fits all."""
    wanted = (reference.api_version, reference.kind, reference.name, reference.namespace)
    found = (manifests.at(resource, path) for path in manifests.IDENTITY)
    return all(want in {None, there} for want, there in zip(wanted, found, strict=True))


def _unclear(
    reference: declaration.Reference, found: Sequence[Manifest], resources: Sequence[Manifest]
) -> str:
    label = f"{reference.kind} " + "/".join(part for part in (reference.namespace, reference.name) if part)
    if found:
        return f"found {len(found)} that {label} can mean; expected one. Add namespace or apiVersion"
    return unknown(label, [identities.label(resource) for resource in resources])


def _written(patch: declaration.Patch) -> Manifest:
    value = {} if patch.op is Operation.REMOVE else {"value": patch.value}
    return {"op": str(patch.op), "path": patch.path, **value}


def _unfit(patch: declaration.Patch) -> Iterator[Finding]:
    """What is wrong with a patch by itself."""
    said = patch.value is not None
    if patch.op is Operation.REMOVE and said:
        yield ("value",), f"found {shown(patch.value)}; expected none (remove takes no value)"
    if patch.op is not Operation.REMOVE and not said:
        yield ("value",), f"found nothing; expected what {patch.op} writes"
    if patch.path in _KEPT:
        yield (
            ("path",),
            f"found {patch.path!r}; expected a path that leaves the object's name and Atoll's marks",
        )


_KEPT = frozenset(
    [patches.pointer(path) for path in manifests.IDENTITY]
    + ["/metadata", "/metadata/labels", "/metadata/annotations"]
)
"""Without these an object is another one, or Atoll no longer knows its own write."""
