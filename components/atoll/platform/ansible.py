"""An inventory made from Ansible's: what `ansible-inventory --list --export` tells becomes text of a stack. Pure.

Hosts become clusters, groups stay groups, variables variables. What a cluster's variables come to is resolved both ways,
so that each difference is told: Ansible replaces a map where Atoll merges it.

Source: https://docs.ansible.com/ansible/latest/inventory_guide/intro_inventory.html (how variables are merged);
ansible.cli.inventory, InventoryCLI.json_inventory (what is listed).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from atoll.core import naming
from atoll.core.errors import SettingsError
from atoll.platform import checks, reading
from atoll.platform.inventory import CONTROL_PLANE, EVERYWHERE
from atoll.platform.problems import choice
from atoll.platform.resolution import resolve
from atoll.platform.values import Driver
from atoll.platform.variables import NAME

_META, _UNGROUPED = "_meta", "ungrouped"
_PRIORITY = "ansible_group_priority"
_CONNECTION = "ansible_"
_VAULT = "__ansible_vault"
_KUBECONFIG = ("kubeconfig", "k8s_kubeconfig", "kubeconfig_path")
_CONTEXT = ("k8s_context", "kube_context", "context")
"""Variables that playbooks hand to kubernetes.core as `kubeconfig` and `context`."""
_LISTED = "what `ansible-inventory --list --export` prints"
Variables = dict[str, Any]


@dataclass(frozen=True)
class Carried:
    """The text of a stack, and a line for each thing that could not be carried over or means otherwise here."""

    text: str
    notes: tuple[str, ...]


def carried(listed: Any, environment: str, effective: Mapping[str, Variables] | None = None) -> Carried:
    """The stack of an environment from what Ansible lists; `effective` is what it has for each host in the end.

    With it every variable comes to the same here, or is told. What is listed alone does not say whether a group's variable
    stands in the inventory itself or in a file of group_vars, which has the last word over all of those.

    Raises:
        SettingsError: it is no inventory of Ansible's, or has no host.
    """
    source = _Source.read(listed)
    names = _names(source.hosts, CONTROL_PLANE, checks.CLUSTER_LIMIT)
    groups = _names(source.groups, EVERYWHERE, naming.LABEL_LIMIT)
    writer = _Writer(source, names, groups)
    content = writer.content()
    notes = [*_renamed("host", "cluster", names), *_renamed("group", "group", groups), *writer.notes]
    if effective is None:
        notes += source.ambiguous()
    else:
        theirs = {name: effective.get(host, {}) for host, name in names.items()}
        notes += _moved(content, _different(content, environment, theirs))
        notes += _told(_different(content, environment, theirs))
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
    return Carried(f"{_head(notes)}\n{text}", tuple(notes))


@dataclass(frozen=True)
class _Source:
    """What Ansible lists: for each group its hosts, children and variables, for each host its own variables."""

    groups_listed: Mapping[str, Mapping[str, Any]]
    variables: Mapping[str, Variables]

    @classmethod
    def read(cls, listed: Any) -> "_Source":
        if not isinstance(listed, dict) or not isinstance(listed.get(_META), dict):
            raise SettingsError(f"found no inventory of Ansible's; expected {_LISTED}")
        groups = {name: group for name, group in listed.items() if name != _META}
        if not all(isinstance(group, dict) for group in groups.values()):
            raise SettingsError(f"found a group that is no map; expected {_LISTED}")
        made = cls(groups, listed[_META].get("hostvars") or {})
        if not made.hosts:
            raise SettingsError("found no host; expected at least one, which becomes a cluster")
        return made

    @cached_property
    def hosts(self) -> list[str]:
        """In the order in which groups name them."""
        found = [host for group in self.groups_listed.values() for host in group.get("hosts", ())]
        return list(dict.fromkeys([*found, *self.variables]))

    @cached_property
    def groups(self) -> list[str]:
        """All that has a counterpart: everything is in `all`, and nobody needs the rest without its variables."""
        shown = {EVERYWHERE, *([] if self.own(_UNGROUPED) else [_UNGROUPED])}
        named = [child for group in self.groups_listed.values() for child in group.get("children", ())]
        return [name for name in dict.fromkeys([*self.groups_listed, *named]) if name not in shown]

    def own(self, group: str) -> Variables:
        """The variables of a group itself."""
        return dict(self.groups_listed.get(group, {}).get("vars") or {})

    def members(self, group: str, key: str) -> list[str]:
        """The hosts or children that a group names."""
        return list(self.groups_listed.get(group, {}).get(key) or ())

    def of(self, host: str) -> list[str]:
        """The groups of a host, parents first, then by priority, then by name."""
        return sorted((name for name in self.groups_listed if self._has(name, host)), key=self._rank)

    def effective(self, host: str) -> Variables:
        """What a host has, group by group: a later value in the place of an earlier one."""
        found: Variables = {}
        for layer in (*map(self.own, self.of(host)), self.variables.get(host) or {}):
            found |= layer
        return found

    def ambiguous(self) -> Iterator[str]:
        """Variables that several groups of a host give to it, unless it has its own."""
        for host in self.hosts:
            own = self.variables.get(host) or {}
            givers: dict[str, list[str]] = {}
            for group in self.of(host):
                for name in self.own(group):
                    givers.setdefault(name, []).append(group)
            for name, groups in givers.items():
                if len(groups) > 1 and name not in own and name != _PRIORITY:
                    yield (
                        f"host {host}: variable {name} is given by {choice(groups, 'and')}; the last of them has the last word "
                        f"here, with Ansible perhaps another (its group_vars). Compare: ansible-inventory --host {host}"
                    )

    def _has(self, group: str, host: str) -> bool:
        return (
            group == EVERYWHERE
            or host in self.members(group, "hosts")
            or any(self._has(child, host) for child in self.members(group, "children"))
        )

    def _rank(self, group: str) -> tuple[int, int, str]:
        return self._depth(group), _priority(self.own(group)), group

    def _depth(self, group: str) -> int:
        above = [name for name in self.groups_listed if group in self.members(name, "children")]
        return max((self._depth(name) + 1 for name in above), default=0)


class _Writer:
    """Writes the parts of a stack, and notes what is left out on the way."""

    def __init__(self, source: _Source, names: Mapping[str, str], groups: Mapping[str, str]) -> None:
        self._source, self._names, self._groups = source, names, groups
        self.notes: list[str] = []
        self._taken: dict[tuple[str, str | None], str] = {}

    def content(self) -> dict[str, Any]:
        """The whole stack."""
        source = self._source
        shared = self._variables("group all", source.own(EVERYWHERE))
        content: dict[str, Any] = {"controlPlane": {"driver": str(Driver.LOCAL)}}
        content |= {"vars": shared} if shared else {}
        content["groups"] = {self._groups[name]: self._group(name) for name in source.groups}
        content["clusters"] = {self._names[host]: self._cluster(host) for host in source.hosts}
        return content if content["groups"] else {key: content[key] for key in content if key != "groups"}

    def _group(self, name: str) -> dict[str, Any]:
        source, own = self._source, self._source.own(name)
        children = [
            self._groups[child] for child in source.members(name, "children") if child in self._groups
        ]
        priority = _priority(own)
        group = {
            "priority": None if priority == 1 else priority,
            "children": children,
            "clusters": [self._names[host] for host in source.members(name, "hosts")],
            "vars": self._variables(f"group {name}", own),
        }
        return {key: value for key, value in group.items() if value}

    def _cluster(self, host: str) -> dict[str, Any]:
        variables = self._variables(f"host {host}", self._source.variables.get(host) or {})
        return {**self._driver(host), **({"vars": variables} if variables else {})}

    def _driver(self, host: str) -> dict[str, Any]:
        """Where the cluster is, as far as its variables say; one that nobody knows is made here, as a rehearsal."""
        found = self._source.effective(host)
        file, context = (
            next((found[key] for key in keys if _is_text(found.get(key))), None)
            for keys in (_KUBECONFIG, _CONTEXT)
        )
        if file is None:
            self.notes.append(
                f"host {host}: found no kubeconfig among its variables; its cluster is `local`, a rehearsal on this machine"
            )
            return {"driver": str(Driver.LOCAL)}
        first = self._taken.setdefault((file, context), host)
        if first != host:
            self.notes.append(
                f"host {host}: found the kubeconfig and context of {first}; its cluster is `local` until it has its own"
            )
            return {"driver": str(Driver.LOCAL)}
        where = {"file": file, **({"context": context} if context else {})}
        return {"driver": str(Driver.KUBECONFIG), "kubeconfig": where}

    def _variables(self, owner: str, found: Mapping[str, Any]) -> Variables:
        carried = {}
        for name, value in found.items():
            if name == _PRIORITY:
                continue
            if reason := _left_out(name, value):
                self.notes.append(f"{owner}: variable {name} is left out ({reason})")
                continue
            if _holds(value, lambda text: "{{" in text or "{%" in text):
                self.notes.append(
                    f"{owner}: variable {name} is a template of Ansible's; here it is text, and stays as it is"
                )
            carried[name] = _escaped(value)
        return carried


def _priority(own: Mapping[str, Any]) -> int:
    found = own.get(_PRIORITY, 1)
    return int(found) if str(found).lstrip("-").isdigit() else 1


def _left_out(name: str, value: Any) -> str:
    """Why a variable has no counterpart, or nothing."""
    if name.startswith(_CONNECTION):
        return "how Ansible connects"
    if not NAME.fullmatch(name):
        return "no name of a variable"
    if _is_sealed(value):
        return "sealed by Ansible Vault; seal it anew: atoll secrets seal"
    return ""


def _is_sealed(value: Any) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (isinstance(value, dict) and _VAULT in value) or any(map(_is_sealed, inside))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and "{{" not in value


def _holds(value: Any, wanted: Callable[[str], bool]) -> bool:
    if isinstance(value, dict):
        return any(_holds(each, wanted) for each in value.values())
    if isinstance(value, list):
        return any(_holds(each, wanted) for each in value)
    return isinstance(value, str) and wanted(value)


def _escaped(value: Any) -> Any:
    """A value whose `${` stays text."""
    if isinstance(value, dict):
        return {key: _escaped(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_escaped(each) for each in value]
    return value.replace("${", "$${") if isinstance(value, str) else value


def _names(found: Iterable[str], taken: str, limit: int) -> dict[str, str]:
    """For each name one that Kubernetes takes, no two the same."""
    names: dict[str, str] = {}
    for name in found:
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[: limit - 4].strip("-") or "unnamed"
        wanted = name if len(name) <= limit and not naming.dns_label_problem(name) else plain
        count, chosen = 1, wanted
        while chosen in (*names.values(), taken):
            count += 1
            chosen = f"{wanted[: limit - 4]}-{count}"
        names[name] = chosen
    return names


def _renamed(what: str, here: str, names: Mapping[str, str]) -> Iterator[str]:
    for name, chosen in names.items():
        if name != chosen:
            yield f"{what} {name}: is {here} {chosen} here (a name is a DNS label)"


@dataclass(frozen=True)
class _Difference:
    """A variable of a cluster that Ansible has otherwise."""

    cluster: str
    variable: str
    ours: Any
    theirs: Any


def _different(
    content: Mapping[str, Any], environment: str, theirs: Mapping[str, Variables]
) -> list[_Difference]:
    """Where a cluster's variables come to something else than Ansible has for it."""
    root, problems = reading.read(yaml.safe_dump(content, sort_keys=False), f"stacks/{environment}.yaml", 0)
    if root is None:
        raise SettingsError(*map(str, problems))
    clusters = resolve(root, problems, environment, Path()).clusters
    return [
        _Difference(name, variable, ours, found.get(variable))
        for name, found in theirs.items()
        for variable, ours in clusters[name].variables.items()
        if variable not in found or ours != found[variable]
    ]


def _moved(content: Mapping[str, Any], found: Iterable[_Difference]) -> Iterator[str]:
    """Writes at a cluster itself what its groups do not come to here, as far as that helps: maps merge all the same."""
    for each in found:
        if not (isinstance(each.ours, dict) and isinstance(each.theirs, dict)):
            own = content["clusters"][each.cluster].setdefault("vars", {})
            own[each.variable] = _escaped(each.theirs)
            yield (
                f"cluster {each.cluster}: variable {each.variable} is written at the cluster itself (its groups come to another "
                "value here)"
            )


def _told(found: Iterable[_Difference]) -> Iterator[str]:
    for each in found:
        yield (
            f"cluster {each.cluster}: variable {each.variable} is {each.ours!r} here, {each.theirs!r} with Ansible (maps merge "
            "here)"
        )


def _head(notes: Iterable[str]) -> str:
    lines = [
        "Made by `atoll init` from an inventory of Ansible's. Say in `propagations` what goes where (see README)."
    ]
    told = list(notes)
    lines += ["", "Not carried over, or otherwise here:", *(f"- {note}" for note in told)] if told else []
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)
