"""The objects of a yaml.v2.ConfigGroup: taken out of YAML, named, and put in order. Pure.

Source: provider/pkg/provider/yaml/v2/yaml.go of pulumi/pulumi-kubernetes; the order is that of cli-utils'
dependency graph (sigs.k8s.io/cli-utils/pkg/object/graph).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from atoll.core.errors import ArgsError
from atoll.kubernetes import documents, identities
from atoll.provider import values
from atoll.provider.kubernetes import annotations, manifests
from atoll.provider.kubernetes.manifests import Manifest

_DEPENDS_ON = "config.kubernetes.io/depends-on"
_IDENTITY = ("apiVersion", "kind", "metadata")
Key = tuple[str, str, str, str]
"""What an object is called within a group: API group, kind, namespace, name."""


@dataclass(frozen=True)
class Member:
    """One object of a group, and the paths in it that are secret."""

    manifest: Manifest
    secrets: frozenset[values.Path] = frozenset()

    @property
    def key(self) -> Key:
        """What the object is called."""
        metadata = self.manifest["metadata"]
        group, kind = identities.group_kind(self.manifest)
        return group, kind, str(metadata.get("namespace", "")), str(metadata["name"])


def parsed(text: str, source: str, *, secret: bool = False) -> Iterator[Member]:
    """The objects of a YAML text; of a secret text, all but what they are called is secret.

    Raises:
        ArgsError: it is no YAML, or a document of it is no object.
    """
    for document in documents(text, source):
        if document:
            yield from expanded(document, source, frozenset({()} if secret else ()))


def expanded(found: Any, source: str, secrets: frozenset[values.Path] = frozenset()) -> Iterator[Member]:
    """An object, or the items of a list. `secrets` are paths in it; the empty path marks the whole.

    Raises:
        ArgsError: it is not what an object has to be.
    """
    if not isinstance(found, dict) or not found.get("apiVersion") or not found.get("kind"):
        raise ArgsError(f"{source}: found a document without apiVersion or kind; expected an object")
    if isinstance(found.get("items"), list) and str(found["kind"]).endswith("List"):
        for index, item in enumerate(found["items"]):
            yield from expanded(item, source, within(secrets, ("items", index)))
        return
    if not identities.metadata(found).get("name"):
        raise ArgsError(f"{source}: found a {found['kind']} without metadata.name; expected one")
    whole = {(field,) for field in found if field not in _IDENTITY} if () in secrets else set()
    yield Member(found, (secrets - {()}) | whole)


def within(secrets: Iterable[values.Path], prefix: values.Path) -> frozenset[values.Path]:
    """Secret paths as they are in a part; the part of what is secret as a whole is so as a whole."""
    shared = {path: min(len(path), len(prefix)) for path in secrets}
    return frozenset(
        path[len(prefix) :] for path, length in shared.items() if path[:length] == prefix[:length]
    )


def placed(member: Member, namespace: str, *, skip_await: bool) -> Member:
    """A member in its namespace (empty: none to add), with the mark that it is not waited for."""
    metadata = dict(member.manifest["metadata"])
    if namespace:
        metadata.setdefault("namespace", namespace)
    if skip_await:
        metadata["annotations"] = {**(metadata.get("annotations") or {}), annotations.SKIP_AWAIT: "true"}
    return Member({**member.manifest, "metadata": metadata}, member.secrets)


def token(manifest: Manifest) -> str:
    """The SDK's type of an object: v1, Secret is `kubernetes:core/v1:Secret`."""
    version = str(manifest["apiVersion"])
    return f"kubernetes:{version if '/' in version else f'core/{version}'}:{manifest['kind']}"


def name(prefix: str, manifest: Manifest) -> str:
    """The resource's name: `prefix:namespace/name`."""
    identifier = identities.identifier(manifest)
    return f"{prefix}:{identifier}" if prefix else identifier


def waves(members: Sequence[Member]) -> Iterator[list[tuple[Member, frozenset[Key]]]]:
    """The members in the order in which they are made, each with those of the group that it needs.

    Raises:
        ArgsError: some need each other, or one needs what is not in the group.
    """
    needs = _needs({member.key: member for member in members})
    done: set[Key] = set()
    while left := [member for member in members if member.key not in done]:
        wave = [(member, needs[member.key]) for member in left if needs[member.key] <= done]
        if not wave:
            names = ", ".join(sorted(identities.label(member.manifest) for member in left))
            raise ArgsError(f"{_DEPENDS_ON}: found objects that wait for each other: {names}")
        done |= {member.key for member, _ in wave}
        yield wave


def _needs(members: Mapping[Key, Member]) -> dict[Key, frozenset[Key]]:
    definitions = {
        _defined(member.manifest): key for key, member in members.items() if key[:2] == manifests.CRD
    }
    found = {}
    for key, member in members.items():
        needed = {("", "Namespace", "", key[2]), definitions.get(key[:2], key)} & members.keys()
        for reference in _references(member.manifest):
            if reference not in members:
                raise ArgsError(
                    f"{_DEPENDS_ON}: {identities.label(member.manifest)}: found {'/'.join(reference)!r}; "
                    "expected an object of the same group"
                )
            needed.add(reference)
        found[key] = frozenset(needed - {key})
    return found


def _defined(definition: Manifest) -> tuple[str, str]:
    spec = definition.get("spec") or {}
    return str(spec.get("group", "")), str((spec.get("names") or {}).get("kind", ""))


def _references(manifest: Manifest) -> Iterator[Key]:
    """What an object's annotation says it needs: `group/namespaces/namespace/kind/name` or `group/kind/name`."""
    for reference in filter(None, annotations.value(manifest, _DEPENDS_ON).split(",")):
        parts = reference.strip().split("/")
        if len(parts) == 5 and parts[1] == "namespaces":  # noqa: PLR2004 - as the format has it
            yield parts[0], parts[3], parts[2], parts[4]
        elif len(parts) == 3:  # noqa: PLR2004 - the same
            yield parts[0], parts[1], "", parts[2]
        else:
            raise ArgsError(
                f"{_DEPENDS_ON}: found {reference.strip()!r}; "
                "expected group/namespaces/namespace/kind/name or group/kind/name"
            )
