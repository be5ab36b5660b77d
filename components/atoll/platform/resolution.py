"""From a tree to an inventory: every check is made, every problem told, and only a whole inventory comes out. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from atoll.core.errors import SettingsError
from atoll.kubernetes import identities
from atoll.platform import (
    bundles,
    checks,
    containers,
    declaration,
    failovers,
    images,
    keys,
    manifests,
    namespaces,
    planes,
    publications,
    registries,
    releases,
    sealed_secrets,
    tagging,
    tree,
    variables,
    workloads,
)
from atoll.platform.declaration import Declaration
from atoll.platform.groups import Groups
from atoll.platform.inventory import (
    Bundle,
    Cluster,
    ControlPlane,
    Inventory,
    Kms,
    Kubeconfig,
    Propagation,
    Release,
    SealedSecret,
    State,
)
from atoll.platform.parsing import Parsed, parse
from atoll.platform.problems import Problem, Problems
from atoll.platform.propagations import Resolution, Scopes
from atoll.platform.tree import Node
from atoll.platform.values import Driver

_DEFAULT_NODES = 1
_NAMED = (
    "groups",
    "clusters",
    "propagations",
    bundles.SECTION,
    "keys",
    registries.SECTION,
    releases.SECTION,
    sealed_secrets.SECTION,
    images.SECTION,
    publications.SECTION,
    containers.SECTION,
)
_GIVING = ("driver", "children", "clusters")
"""What decides which driver a group gives to whom."""


def resolve(root: Node, found: list[Problem], environment: str, project: Path) -> Inventory:
    """The inventory of an environment; `found` are the problems of reading its files.

    Raises:
        SettingsError: something is wrong with it.
    """
    problems = Problems(root)
    problems.include(found)
    parsed = parse(root, problems)
    groups = _checked(root, parsed, problems)
    for path, text in keys.problems(parsed.declaration, environment):
        problems.add(path, text)
    inventory = None
    # Without all groups and clusters, what follows would tell of problems that are none.
    if groups is not None and all(map(parsed.whole, ("groups", "clusters", "vars"))):
        inventory = _Resolver(root, _whole(parsed), groups, problems).inventory(environment, project)
        brought = inventory.propagations
        for path, text in (*workloads.problems(inventory), *failovers.problems(inventory)):
            problems.add(path, text)
        # A namespace may be in one that something was left out of.
        if parsed.whole("propagations") and all(each.resources for each in brought.values()):
            placed = [
                *sealed_secrets.placed(inventory),
                *registries.placed(inventory),
                *releases.placed(inventory),
            ]
            for path, text in namespaces.homeless(placed, brought):
                problems.add(path, text)
    if problems.lines or inventory is None:
        raise SettingsError(*problems.lines)
    return inventory


def _checked(root: Node, parsed: Parsed, problems: Problems) -> Groups | None:
    """Makes the checks between the parts; no groups where they do not nest."""
    declared = parsed.declaration
    known = {section: _names(root, section) for section in _NAMED}
    groups = Groups(declared.groups, declared.clusters)
    findings = [
        *checks.names(known),
        *checks.scopes(declared),
        *checks.labels(declared),
        *checks.references(declared, known["groups"], known["clusters"]),
        *checks.shared_kubeconfigs(declared),
        *checks.circles(groups),
        *sealed_secrets.problems(declared, _whole(parsed).sealed_secrets),
        *releases.problems(declared, _whole(parsed).releases),
        *registries.problems(declared, _whole(parsed).registries),
        *images.problems(declared, _whole(parsed).images),
        *publications.problems(declared, _whole(parsed).publications),
        *containers.problems(declared, _whole(parsed).containers),
        *tagging.problems(declared, known),
    ]
    if parsed.whole("controlPlane"):
        findings += planes.problems(declared.control_plane, known["clusters"])
    if parsed.whole("kms"):
        findings += checks.kept(declared.kms)
    if declared.state and parsed.whole("kms") and parsed.whole("state"):
        findings += checks.stored(declared.state, declared.kms)
    given = [parsed.whole("groups", name, key) for name in known["groups"] for key in _GIVING]
    if all(given) and not groups.circles:
        whole = [name for name in declared.clusters if parsed.whole("clusters", name)]
        findings += checks.drivers(groups, whole)
    for path, text in findings:
        problems.add(path, text)
    return None if groups.circles else groups


def _whole(parsed: Parsed) -> Declaration:
    """The declaration without the propagations, sealed secrets, registries and images that something was left out of."""
    declared = parsed.declaration
    update = {
        "propagations": _whole_of(parsed, "propagations", declared.propagations),
        "bundles": _whole_of(parsed, bundles.SECTION, declared.bundles),
        "sealed_secrets": _whole_of(parsed, sealed_secrets.SECTION, declared.sealed_secrets),
        "releases": _whole_of(parsed, releases.SECTION, declared.releases),
        "registries": _whole_of(parsed, registries.SECTION, declared.registries),
        "images": _whole_of(parsed, images.SECTION, declared.images),
        "publications": _whole_of(parsed, publications.SECTION, declared.publications),
        "containers": _whole_of(parsed, containers.SECTION, declared.containers),
    }
    return declared.model_copy(update=update)


def _whole_of(parsed: Parsed, section: str, found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in found.items() if parsed.whole(section, name)}


def _names(root: Node, section: str) -> list[str]:
    """What is declared by name in a section, whether it fits or not."""
    node = root.value.get(section)
    return list(node.value) if node and isinstance(node.value, dict) else []


class _Resolver:
    """Follows the groups and fills in the variables of a declaration whose parts fit."""

    def __init__(self, root: Node, declared: Declaration, groups: Groups, problems: Problems) -> None:
        self._root, self._declared, self._groups, self._problems = root, declared, groups, problems

    def inventory(self, environment: str, project: Path) -> Inventory:
        clusters = {name: self._cluster(name) for name in self._declared.clusters}
        kms, state, protect = self._declared.kms, self._declared.state, self._declared.protect
        return Inventory(
            environment=environment,
            project=project,
            control_plane=self._control_plane(),
            clusters=clusters,
            groups=self._groups.members,
            propagations=(propagations := self._propagations(clusters)),
            bundles=self._bundles(clusters, propagations),
            sealed_secrets=self._sealed_secrets(),
            releases=self._releases(),
            keys={
                name: keys.resolved(environment, name, key, protect=protect)
                for name, key in self._declared.keys.items()
            },
            registries={
                name: registries.resolved(environment, each, self._groups, protect=protect)
                for name, each in self._declared.registries.items()
            },
            images=images.resolved(
                self._declared.images, self._where(images.SECTION, self._declared.images, "context")
            ),
            publications=publications.resolved(
                self._declared.publications, self._where(publications.SECTION, self._declared.publications)
            ),
            image_copies=images.copied(self._declared.images),
            containers=containers.resolved(self._declared.containers),
            kms=Kms(str(kms.driver), kms.key or "", kms.region or "", kms.endpoint),
            plugins=tuple(dict.fromkeys(map(str, self._declared.plugins))),
            tags={tag: tuple(parts) for tag, parts in self._declared.tags.items()},
            state=State(state.bucket, state.region, state.endpoint) if state else None,
            protect=protect,
        )

    def _control_plane(self) -> ControlPlane:
        plane = self._declared.control_plane
        kubeconfig = self._kubeconfig(("controlPlane",), plane.kubeconfig)
        return ControlPlane(str(plane.driver), kubeconfig, plane.cluster or "", planes.settings(plane))

    def _cluster(self, name: str) -> Cluster:
        groups, kubeconfig = self._groups, self._declared.clusters[name].kubeconfig
        driver = groups.setting(name, "driver") or Driver.LOCAL
        nodes = groups.setting(name, "nodes")
        is_lean = driver is Driver.LOCAL and bool(groups.setting(name, "lean"))
        has_nodes = driver is Driver.LOCAL and not is_lean
        scope = tree.merged(self._declared.vars, *(layer.vars for layer in groups.layers(name)))
        return Cluster(
            driver=str(driver),
            kubeconfig=self._kubeconfig(("clusters", name), kubeconfig),
            nodes=(_DEFAULT_NODES if nodes is None else nodes) if has_nodes else None,
            lean=is_lean or None,
            region=groups.setting(name, "region"),
            zone=groups.setting(name, "zone"),
            provider=groups.setting(name, "provider"),
            labels=tree.merged(*(layer.labels for layer in groups.layers(name))),
            groups=groups.precedence(name),
            variables=variables.settled(scope),
        )

    def _kubeconfig(self, path: tree.Path, found: declaration.Kubeconfig | None) -> Kubeconfig | None:
        if found is None:
            return None
        where = (*path, "kubeconfig")
        declared = f"{tree.mark(self._root, (*where, 'file'))}: {tree.dotted(where)}"
        return Kubeconfig(found.file, found.context, declared)

    def _propagations(self, clusters: Mapping[str, Cluster]) -> dict[str, Propagation]:
        for path, text in checks.targets(self._declared, self._groups):
            self._problems.add(path, text)
        found = self._carried("propagations", self._declared.propagations, clusters)
        self._refuse_twice(found)
        return {
            name: replace(each, failover=self._declared.propagations[name].failover)
            for name, each in found.items()
        }

    def _bundles(
        self, clusters: Mapping[str, Cluster], propagations: Mapping[str, Propagation]
    ) -> dict[str, Bundle]:
        declared = self._declared.bundles
        carried = self._carried(bundles.SECTION, declared, clusters)
        found = {name: bundles.resolved(declared[name], each) for name, each in carried.items()}
        for path, text in bundles.overlaps(found, propagations):
            self._problems.add(path, text)
        return found

    def _carried(
        self,
        section: str,
        carried: Mapping[str, declaration.Carried],
        clusters: Mapping[str, Cluster],
    ) -> dict[str, Propagation]:
        """What goes where of a section, with the variables of each cluster."""
        scopes = Scopes(
            variables.settled(self._declared.vars),
            {name: cluster.variables for name, cluster in clusters.items()},
        )
        found = {}
        for name, declared in carried.items():
            resolution = Resolution(declared, self._groups, scopes)
            found[name] = resolution.resolve()
            for path, text in (*resolution.findings, *resolution.missing_variables()):
                self._problems.add((section, name, *path), text)
        return found

    def _sealed_secrets(self) -> dict[str, SealedSecret]:
        declared = self._declared.sealed_secrets
        where = self._where(sealed_secrets.SECTION, declared, "sops")
        return {
            name: sealed_secrets.resolve(each, self._groups, where[name]) for name, each in declared.items()
        }

    def _releases(self) -> dict[str, Release]:
        declared = self._declared.releases
        where = self._where(releases.SECTION, declared)
        return {name: releases.resolve(each, self._groups, where[name]) for name, each in declared.items()}

    def _where(self, section: str, names: Iterable[str], *key: str) -> dict[str, str]:
        """The line and path of each of these, or of a key of each."""
        paths = {name: (section, name, *key) for name in names}
        return {name: f"{tree.mark(self._root, path)}: {tree.dotted(path)}" for name, path in paths.items()}

    def _refuse_twice(self, propagations: Mapping[str, Propagation]) -> None:
        """One object in two places, where the later would overwrite the earlier.

        Inside a propagation kind, namespace and name suffice: a child is named after them.
        """
        seen: dict[tuple[Any, ...], tree.Path] = {}
        for name, propagation in propagations.items():
            for index, resource in enumerate(propagation.resources):
                path: tree.Path = ("propagations", name, "resources", index)
                if any(manifests.nameless(resource)):
                    continue
                group, *rest = identities.of(resource)
                firsts = {seen.setdefault((*key, *rest), path) for key in ((group,), (name, "in"))}
                for first in firsts - {path}:
                    text = f"found {identities.label(resource)} again; expected it once"
                    self._problems.add(path, f"{text} (it is {tree.dotted(first)} too)")
