"""What an inventory is made of when a run chooses from it: each top component, the places it concerns, its tags. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from atoll.core import naming
from atoll.platform import bundles, containers, images, publications, registries, releases, sealed_secrets
from atoll.platform.inventory import CONTROL_PLANE, EVERYWHERE, Inventory
from atoll.platform.tagging import CONTROL_PLANE as PLANE_TAGGED
from atoll.platform.tagging import Kind

Owner = tuple[str, str]
"""Class and name of a component, or a resource, that stands at the top of a program."""
INNER = frozenset({naming.type_token("Release")})
"""The types of components that are parts of their own, though they stand under another one."""


@dataclass(frozen=True)
class Part:
    """One of them. `places` are the clusters that it concerns; none of them means all, since it belongs to none."""

    label: str
    kinds: frozenset[Kind]
    places: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()

    @property
    def tags(self) -> frozenset[str]:
        """All of its tags."""
        return self.own | self.kinds


_KINDS = {
    "Cluster": {Kind.CLUSTERS},
    "Member": {Kind.CLUSTERS, Kind.FEDERATION},
    "ControlPlane": {Kind.FEDERATION},
    "Propagation": {Kind.PROPAGATIONS},
    "Bundle": {Kind.BUNDLES},
    "Key": {Kind.KEYS},
    "SealedSecret": {Kind.SECRETS},
    "PullSecret": {Kind.SECRETS, Kind.REGISTRIES},
    "Registry": {Kind.REGISTRIES},
    "Repository": {Kind.REGISTRIES},
    "Builder": {Kind.IMAGES},
    "Image": {Kind.IMAGES},
    "ImageCopy": {Kind.IMAGES},
    "ChartPublication": {Kind.PUBLICATIONS},
    "RenderedChart": {Kind.RELEASES},
    "Release": {Kind.RELEASES},
    "HelmLogins": {Kind.RELEASES},
    "Container": {Kind.CONTAINERS},
}
_DERIVED = {
    sealed_secrets.propagation(""): "SealedSecret",
    registries.propagation(""): "PullSecret",
    releases.propagation(""): "RenderedChart",
}
"""How the propagations end that another part brings, and which."""
_PROPAGATION = "Propagation"


def carrier(owner: Owner) -> Owner | None:
    """The propagation that carries what a part makes, which goes where that goes."""
    kind, name = owner
    if kind == "SealedSecret":
        return _PROPAGATION, sealed_secrets.propagation(name)
    if kind == "PullSecret":
        return _PROPAGATION, registries.propagation(name)
    if kind == "RenderedChart":
        return _PROPAGATION, releases.propagation(name.removesuffix(releases.chart("")))
    return None


def undeclared(owner: Owner) -> Part:
    """A part that nothing declares any more: what it is shows by its name, what its tags were nobody knows."""
    kind, name = owner
    kinds = _KINDS.get(kind, set())
    if kind == _PROPAGATION:
        ending = next((each for each in _DERIVED if name.endswith(each)), None)
        kinds = _KINDS[_DERIVED[ending]] if ending else kinds
    places = {"Cluster": {name}, "Member": {name}, "ControlPlane": {name}}.get(kind, set())
    return Part(f"{kind} {name}", frozenset(kinds), frozenset(places))


def declared(inventory: Inventory) -> dict[Owner, Part]:
    """The parts of an inventory by what stands for them."""
    own = _own(inventory)
    return {
        owner: Part(f"{owner[0]} {owner[1]}", frozenset(kinds), frozenset(places), own(*tagged))
        for owner, kinds, places, tagged in _listed(inventory)
    }


_Listed = tuple[Owner, set[Kind], Iterable[str], tuple[str, ...]]
"""What stands for a part, its kinds, the clusters that it concerns, and by which words it is tagged."""


def _listed(inventory: Inventory) -> Iterator[_Listed]:
    yield ("ControlPlane", CONTROL_PLANE), _KINDS["ControlPlane"], [CONTROL_PLANE], (PLANE_TAGGED,)
    for name, cluster in inventory.clusters.items():
        words = (f"clusters.{name}", *(f"groups.{group}" for group in (*cluster.groups, EVERYWHERE)))
        for kind in ("Cluster", "Member"):
            yield (kind, name), _KINDS[kind], [name], words
    yield from _policies(inventory)
    for name in inventory.keys:
        yield ("Key", name), _KINDS["Key"], [], (f"keys.{name}",)
    for name, secret in inventory.sealed_secrets.items():
        words = (f"{sealed_secrets.SECTION}.{name}",)
        yield from _carried(("SealedSecret", name), secret.clusters, words)
    yield from _registries(inventory)
    yield from _images(inventory)
    for name in inventory.publications:
        yield ("ChartPublication", name), _KINDS["ChartPublication"], [], (f"{publications.SECTION}.{name}",)
    for name, release in inventory.releases.items():
        words = (f"{releases.SECTION}.{name}",)
        if not release.hooks:
            yield from _carried(("RenderedChart", releases.chart(name)), release.clusters, words)
        for each in release.clusters if release.hooks else ():
            yield ("Release", naming.child(name, each)), _KINDS["Release"], [each], words


def _policies(inventory: Inventory) -> Iterator[_Listed]:
    for name, propagation in inventory.propagations.items():
        owner, words = (_PROPAGATION, name), (f"propagations.{name}",)
        yield owner, _KINDS[_PROPAGATION], propagation.clusters, words
    for name, bundle in inventory.bundles.items():
        yield ("Bundle", name), _KINDS["Bundle"], bundle.clusters, (f"{bundles.SECTION}.{name}",)


def _carried(owner: Owner, clusters: Iterable[str], words: tuple[str, ...]) -> Iterator[_Listed]:
    """What makes something, and the propagation that carries it."""
    kinds, propagation = _KINDS[owner[0]], carrier(owner)
    yield owner, kinds, clusters, words
    if propagation:
        yield propagation, kinds, clusters, words


def _registries(inventory: Inventory) -> Iterator[_Listed]:
    for name, registry in inventory.registries.items():
        words = (f"{registries.SECTION}.{name}",)
        yield ("Registry", name), _KINDS["Registry"], [], words
        for repository in registry.repositories:
            yield ("Repository", naming.child(name, repository)), _KINDS["Repository"], [], words
        for each, secret in registry.pull_secrets.items():
            yield from _carried(("PullSecret", each), secret.clusters, words)


def _images(inventory: Inventory) -> Iterator[_Listed]:
    built: dict[str, list[str]] = defaultdict(list)
    for name, image in inventory.images.items():
        built[images.builder(image.builder)].append(f"{images.SECTION}.{name}")
        yield ("Image", name), _KINDS["Image"], [], (f"{images.SECTION}.{name}",)
    for builder, words in built.items():
        yield ("Builder", builder), _KINDS["Builder"], [], tuple(words)
    for name in inventory.containers:
        yield ("Container", name), _KINDS["Container"], [], (f"{containers.SECTION}.{name}",)
    for name in inventory.image_copies:
        yield ("ImageCopy", name), _KINDS["ImageCopy"], [], (f"{images.SECTION}.{name}",)


def _own(inventory: Inventory) -> Callable[..., frozenset[str]]:
    """Tells the tags that the inventory gives to what is known by some words."""
    by_word: dict[str, set[str]] = defaultdict(set)
    for tag, words in inventory.tags.items():
        for word in words:
            by_word[word].add(tag)
    return lambda *words: frozenset(tag for word in words for tag in by_word.get(word, ()))
