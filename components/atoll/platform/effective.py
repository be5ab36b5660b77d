"""What is in effect in an environment, value by value, with the line that each came from. Pure.

A cluster's values are those that its groups and itself come to; everything else stands as it is declared, with the
defaults of what nobody declared.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from atoll.platform import bundles, registries, releases, sealed_secrets, tree
from atoll.platform.groups import Groups
from atoll.platform.inventory import Inventory
from atoll.platform.parsing import parse
from atoll.platform.problems import Problems
from atoll.platform.tree import Mark, Node, Path
from atoll.platform.variables import Rendering

CLUSTERS, PROPAGATIONS = "clusters", "propagations"
_FILLED = (PROPAGATIONS, bundles.SECTION)
"""Sections whose manifests take variables."""
_ENVIRONMENT = ("controlPlane", "kms", "state", "protect")
"""What every cluster has in common."""
_MERGED = ("labels", "vars")


@dataclass(frozen=True)
class Setting:
    """One value in effect. `mark` is where it was written, None for a default; `giver` is the group that gives it."""

    path: Path
    value: Any
    mark: Mark | None = None
    giver: str = ""

    @property
    def name(self) -> str:
        """The path as people read it."""
        return tree.dotted(self.path)


def settings(root: Node, inventory: Inventory) -> list[Setting]:
    """Everything that is in effect in an environment: `root` is the tree that its inventory was resolved from."""
    reader = _Reader(root, inventory)
    return [*reader.declared(), *(each for name in inventory.clusters for each in reader.cluster(name))]


def of_cluster(root: Node, inventory: Inventory, name: str) -> list[Setting]:
    """What is in effect in one cluster: its own settings, and what goes to it with its variables filled in."""
    reader = _Reader(root, inventory)
    scope = inventory.clusters[name].variables
    shared = [each for each in reader.declared() if each.path[0] in _ENVIRONMENT]
    return [*shared, *reader.cluster(name), *_filled(_going(reader.declared(), inventory, name), scope)]


class _Reader:
    """Reads one environment."""

    def __init__(self, root: Node, inventory: Inventory) -> None:
        self._root, self._inventory = root, inventory
        self._plain = tree.plain(root)
        self._declaration = parse(root, Problems(root)).declaration
        self._groups = Groups(self._declaration.groups, self._declaration.clusters)

    def declared(self) -> Iterator[Setting]:
        """All but the clusters, as it is declared."""
        for setting in self._model(self._declaration, ()):
            if setting.path[0] != CLUSTERS:
                yield setting

    def cluster(self, name: str) -> Iterator[Setting]:
        """What the environment, its groups and itself give to a cluster."""
        found, above = self._inventory.clusters[name], (CLUSTERS, name)
        yield Setting((*above, "groups"), list(found.groups), tree.mark(self._root, (*above, "groups")))
        for key in ("driver", "nodes", "lean", "region", "zone", "provider"):
            value = getattr(found, key)
            if value is not None:
                yield self._given(name, (key,), value)
        declared = self._declaration.clusters[name]
        if declared.kubeconfig:
            yield from self._model(declared.kubeconfig, (*above, "kubeconfig"))
        for key, values in zip(_MERGED, (found.labels, found.variables), strict=True):
            for path, value in _leaves(values, (key,)):
                yield self._given(name, path, value)

    def _given(self, cluster: str, path: Path, value: Any) -> Setting:
        """A value of a cluster, with the last of its layers that has it."""
        layers: list[tuple[str, Path]] = [(cluster, (CLUSTERS, cluster))]
        layers += [
            (f"group {group}", ("groups", group)) for group in reversed(self._groups.precedence(cluster))
        ]
        layers += [("environment", ())] if path[0] == "vars" else []
        for giver, above in layers:
            if _has(self._plain, (*above, *path)):
                where = (CLUSTERS, cluster, *path)
                return Setting(
                    where, value, tree.mark(self._root, (*above, *path)), "" if giver == cluster else giver
                )
        return Setting((CLUSTERS, cluster, *path), value)

    def _model(self, model: BaseModel, above: Path) -> Iterator[Setting]:
        for name, field in type(model).model_fields.items():
            path, value = (*above, field.alias or name), getattr(model, name)
            if name in model.model_fields_set:
                yield from self._value(value, path)
            elif isinstance(value, BaseModel) or value not in (None, "", [], {}):
                yield from _defaults(value, path)

    def _value(self, value: Any, path: Path) -> Iterator[Setting]:
        if isinstance(value, BaseModel):
            yield from self._model(value, path)
        elif isinstance(value, Mapping) and value:
            for key, child in value.items():
                yield from self._value(child, (*path, key))
        elif isinstance(value, list) and any(isinstance(each, dict | BaseModel) for each in value):
            for index in range(len(value)):
                yield self._written((*path, index))
        else:
            yield self._written(path)

    def _written(self, path: Path) -> Setting:
        value = self._plain
        for step in path:
            value = value[step]
        return Setting(path, value, tree.mark(self._root, path))


def _defaults(value: Any, path: Path) -> Iterator[Setting]:
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            child = getattr(value, name)
            if child not in (None, "", [], {}):
                yield from _defaults(child, (*path, field.alias or name))
    else:
        yield Setting(path, _text(value) if isinstance(value, timedelta) else value)


def _text(length: timedelta) -> str:
    return f"{length.days}d" if length.days else f"{length.seconds}s"


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Mapping) and value:
        for key, child in value.items():
            yield from _leaves(child, (*path, key))
    elif value != {} or len(path) > 1:
        yield path, value


def _has(plain: Any, path: Path) -> bool:
    for step in path:
        if not isinstance(plain, dict) or step not in plain:
            return False
        plain = plain[step]
    return True


def _going(found: Iterable[Setting], inventory: Inventory, cluster: str) -> Iterator[Setting]:
    """Of what is declared that which goes to a cluster."""
    placed: dict[Path, Iterable[str]] = {
        (section, name): each.clusters
        for section, named in (
            (PROPAGATIONS, inventory.propagations),
            (bundles.SECTION, inventory.bundles),
            (sealed_secrets.SECTION, inventory.sealed_secrets),
            (releases.SECTION, inventory.releases),
        )
        for name, each in named.items()
    }
    for registry, declared in inventory.registries.items():
        for name, secret in declared.pull_secrets.items():
            placed[(registries.SECTION, registry, "pullSecrets", name)] = secret.clusters
    going = {path for path, clusters in placed.items() if cluster in clusters}
    return (each for each in found if each.path[:2] in going or each.path[:4] in going)


def _filled(found: Iterable[Setting], scope: Mapping[str, Any]) -> Iterator[Setting]:
    """Manifests and patches with a cluster's variables."""
    for each in found:
        is_filled = each.path[0] in _FILLED and isinstance(each.value, dict)
        yield replace(each, value=Rendering(scope).of(each.value)) if is_filled else each
