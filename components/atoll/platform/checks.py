"""What must hold between the parts of a declaration: names, groups, drivers, where things go. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from atoll.cluster.local import lean
from atoll.core import naming
from atoll.platform import variables
from atoll.platform.declaration import (
    Carried,
    Declaration,
    Kms,
    Kubeconfig,
    Override,
    PullSecret,
    Release,
    SealedSecret,
    State,
)
from atoll.platform.groups import Groups
from atoll.platform.inventory import CONTROL_PLANE, EVERYWHERE
from atoll.platform.problems import choice, shown, unknown
from atoll.platform.tree import Path
from atoll.platform.values import Driver, Keeper

Finding = tuple[Path, str]

CLUSTER_LIMIT = 48
"""Karmada makes a namespace `karmada-es-<name>` for each cluster.

Source: karmada pkg/apis/cluster/validation, clusterNameMaxLength.
"""
_IMPERSONATOR = "-impersonator"
_OWN_LABELS = frozenset({naming.MARK, "karmada.io/system"})


def names(known: Mapping[str, Iterable[str]]) -> Iterator[Finding]:
    """Names that cannot be, of all that is declared by name: {section: names}."""
    for section, declared in known.items():
        for name in declared:
            if problem := naming.dns_label_problem(name):
                yield (section, name), f"found {shown(name)}; {problem}"
    for name in known["clusters"]:
        if problem := _cluster_name(name, set(known["clusters"])):
            yield ("clusters", name), problem
    if EVERYWHERE in known["groups"]:
        expected = f"another name ({EVERYWHERE} is the group of all clusters). Write its variables under vars"
        yield ("groups", EVERYWHERE), f"found {EVERYWHERE!r}; expected {expected}"


def _cluster_name(name: str, clusters: set[str]) -> str | None:
    if name == CONTROL_PLANE:
        return f"found {name!r}; expected another name (the control plane has it)"
    if name == lean.STORE:
        return f"found {name!r}; expected another name (the store of lean clusters has it)"
    if len(name) > CLUSTER_LIMIT and not naming.dns_label_problem(name):
        return f"found {shown(name)}; expected at most {CLUSTER_LIMIT} characters (Karmada's limit)"
    owner = name.removesuffix(_IMPERSONATOR)
    if owner != name and owner in clusters:
        return f"found {name!r}; expected another name (Karmada keeps a secret of cluster {owner} under it)"
    return None


def scopes(declared: Declaration) -> Iterator[Finding]:
    """Variables that cannot be asked for or ask for others."""
    yield from variables.problems(declared.vars, ("vars",))
    for name, group in declared.groups.items():
        yield from variables.problems(group.vars, ("groups", name, "vars"))
    for name, cluster in declared.clusters.items():
        yield from variables.problems(cluster.vars, ("clusters", name, "vars"))


def labels(declared: Declaration) -> Iterator[Finding]:
    """Labels that Atoll and Karmada set themselves."""
    for section, parts in (("groups", declared.groups), ("clusters", declared.clusters)):
        for name, part in parts.items():
            for key in sorted(part.labels.keys() & _OWN_LABELS):
                yield (section, name, "labels", key), f"found {key!r}; expected another (it is set by Atoll)"


def references(declared: Declaration, groups: Iterable[str], clusters: Iterable[str]) -> Iterator[Finding]:
    """Names that nobody declares; `groups` and `clusters` are those that somebody does."""
    known_groups, known_clusters = sorted(groups), sorted(clusters)
    for name, group in declared.groups.items():
        yield from _unknown(("groups", name, "children"), group.children, known_groups, "group")
        yield from _unknown(("groups", name, "clusters"), group.clusters, known_clusters, "cluster")
    for name, cluster in declared.clusters.items():
        yield from _unknown(("clusters", name, "groups"), cluster.groups, known_groups, "group")
    known_groups = [EVERYWHERE, *known_groups]
    for path, part in _targeted(declared):
        yield from _unknown((*path, "groups"), part.groups, known_groups, "group")
        yield from _unknown((*path, "clusters"), part.clusters, known_clusters, "cluster")


def _unknown(path: Path, found: Iterable[str], known: list[str], what: str) -> Iterator[Finding]:
    for index, name in enumerate(found):
        if name not in known:
            yield (*path, index), unknown(name, known, what)


def _targeted(
    declared: Declaration,
) -> Iterator[tuple[Path, Carried | Override | SealedSecret | PullSecret | Release]]:
    """Everything that goes to groups and clusters; an override comes after its propagation."""
    for section, carried in (("propagations", declared.propagations), ("bundles", declared.bundles)):
        for name, propagation in carried.items():
            yield (section, name), propagation
            for index, override in enumerate(propagation.overrides):
                yield (section, name, "overrides", index), override
    for name, secret in declared.sealed_secrets.items():
        yield ("sealedSecrets", name), secret
    for name, registry in declared.registries.items():
        for each, pull in registry.pull_secrets.items():
            yield ("registries", name, "pullSecrets", each), pull
    for name, release in declared.releases.items():
        yield ("releases", name), release


def circles(groups: Groups) -> Iterator[Finding]:
    """Groups that are above themselves, each circle once."""
    left = list(groups.circles)
    while left:
        circle = _circle(groups, left[0])
        text = f"found a circle ({' > '.join(circle)}); expected groups that nest"
        yield ("groups", circle[0], "children"), text
        left = [name for name in left if name not in circle]


def _circle(groups: Groups, start: str) -> list[str]:
    """The shortest way down from a group to itself."""
    ways = [[start]]
    for way in ways:
        for child in groups.groups[way[-1]].children:
            if child == start:
                return [*way, child]
            if child in groups.groups and child not in way:
                ways.append([*way, child])
    return [start]


def drivers(groups: Groups, whole: Iterable[str]) -> Iterator[Finding]:
    """What some clusters say that their driver does not take."""
    for name in whole:
        cluster, path, driver = groups.clusters[name], ("clusters", name), groups.setting(name, "driver")
        if driver is None:
            yield (*path, "driver"), f"found nothing; expected {choice(Driver)}"
        else:
            yield from driven(path, driver, cluster.kubeconfig)
        if driver is Driver.KUBECONFIG and cluster.nodes is not None:
            yield (
                (*path, "nodes"),
                f"found {cluster.nodes}; expected none (the cluster exists, with its nodes)",
            )
        if driver is Driver.KUBECONFIG and cluster.lean is not None:
            found = str(cluster.lean).lower()
            yield (*path, "lean"), f"found {found}; expected none (the cluster exists, as it is)"
        if driver is Driver.LOCAL and groups.setting(name, "lean") and cluster.nodes:
            yield (*path, "nodes"), f"found {cluster.nodes}; expected none (a lean cluster has no nodes)"


def driven(path: Path, driver: Driver, kubeconfig: Kubeconfig | None) -> Iterator[Finding]:
    """Whether a driver and a kubeconfig go together."""
    if driver is Driver.LOCAL and kubeconfig:
        yield (
            (*path, "kubeconfig"),
            "found a map; expected none (Atoll makes the kubeconfig of what is local)",
        )
    if driver is Driver.KUBECONFIG and not kubeconfig:
        yield (*path, "kubeconfig"), "found nothing; expected a map with file and context"


def kept(kms: Kms) -> Iterator[Finding]:
    """Whether the driver of a KMS and what is said of it go together."""
    if kms.driver is Keeper.LOCAL:
        for name in ("key", "region", "endpoint"):
            if found := getattr(kms, name):
                yield (
                    ("kms", name),
                    f"found {shown(found)}; expected none (Atoll makes the key of what is local)",
                )
        return
    if not kms.key:
        yield ("kms", "key"), "found nothing; expected the alias or ARN of a key"
    elif not kms.key.startswith(("alias/", "arn:")):
        yield ("kms", "key"), f"found {shown(kms.key)}; expected an alias (alias/NAME) or an ARN"
    if not kms.region:
        yield ("kms", "region"), "found nothing; expected a region, such as eu-central-1"
    yield from _addressed(("kms", "endpoint"), kms.endpoint)


def stored(state: State, kms: Kms) -> Iterator[Finding]:
    """Whether a bucket and the KMS go together."""
    if kms.driver is Keeper.LOCAL:
        yield (
            ("state", "bucket"),
            f"found {shown(state.bucket)}; expected kms.driver aws beside it (whoever shares the state needs its key)",
        )
    yield from _addressed(("state", "endpoint"), state.endpoint)


def _addressed(path: Path, endpoint: str | None) -> Iterator[Finding]:
    if endpoint and not endpoint.startswith(("https://", "http://")):
        yield path, f"found {shown(endpoint)}; expected an address (https://HOST:PORT)"


def shared_kubeconfigs(declared: Declaration) -> Iterator[Finding]:
    """One cluster under two names."""
    parts: list[tuple[Path, Kubeconfig | None]] = [(("controlPlane",), declared.control_plane.kubeconfig)]
    parts += [(("clusters", name), cluster.kubeconfig) for name, cluster in declared.clusters.items()]
    seen: dict[Kubeconfig, Path] = {}
    for path, kubeconfig in parts:
        if kubeconfig is None:
            continue
        if kubeconfig in seen:
            other = ".".join(map(str, seen[kubeconfig]))
            text = f"found the file and context of {other}; expected a cluster of its own"
            yield (*path, "kubeconfig"), text
        seen.setdefault(kubeconfig, path)


def targets(declared: Declaration, groups: Groups) -> Iterator[Finding]:
    """What goes nowhere, and overrides for clusters that the propagation does not reach.

    An empty list of names means every cluster to Karmada, so that none may ever be written.
    """
    reached: tuple[str, ...] = ()
    built = {name for image in declared.images.values() for name, _ in image.secrets.values()}
    for path, part in _targeted(declared):
        chosen = groups.chosen(part.groups, part.clusters)
        if not isinstance(part, Override):
            reached = chosen
        if not part.groups and not part.clusters:
            if isinstance(part, SealedSecret) and path[-1] in built:
                continue
            yield path, f"found neither groups nor clusters; expected one ({EVERYWHERE} is the group of all)"
        elif not chosen and groups.knows(part.groups, part.clusters):
            yield path, "found no cluster in its groups; expected at least one"
        elif strangers := sorted(set(chosen) - set(reached)):
            what = "bundle" if path[0] == "bundles" else "propagation"
            expected = f"clusters that the {what} goes to ({choice(reached, 'and')})"
            yield path, f"found {choice(strangers, 'and')}; expected {expected}"
