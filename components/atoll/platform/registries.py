"""Registries in an inventory: what cannot be, and what each is once everything that was not said is filled in. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from atoll.core import naming
from atoll.platform import inventory, keys, manifests, sealed_secrets
from atoll.platform.checks import Finding
from atoll.platform.declaration import Declaration, Encryption, PullSecret, Registry, Repository
from atoll.platform.groups import Groups
from atoll.platform.namespaces import Placed
from atoll.platform.problems import shown, unknown
from atoll.platform.tree import Path
from atoll.registry import repositories, rules
from atoll.registry.kinds import REGISTRY_ONLY, REPOSITORY_ONLY, RegistryKind

SECTION = "registries"
_ROLE = "pull"
_CAMEL = {
    "tag_mutability": "tagMutability",
    "scan_on_push": "scanOnPush",
    "lifecycle_policy": "lifecyclePolicy",
    "pull_through_cache": "pullThroughCache",
    "force_delete": "forceDelete",
    "import_": "import",
}
"""What is said in the inventory, where it differs."""


def propagation(name: str) -> str:
    """What the propagation of a pull secret is called."""
    return naming.child(name, _ROLE)


def problems(declared: Declaration, whole: Iterable[str]) -> Iterator[Finding]:
    """What is wrong beyond the shape of the values; `whole` are the registries that nothing was left out of."""
    for name in whole:
        registry, path = declared.registries[name], (SECTION, name)
        yield from _unfit(
            path, rules.registry(_inputs(registry)), _other(registry, registry.kind, REGISTRY_ONLY)
        )
        for each, repository in registry.repositories.items():
            yield from _repository((*path, "repositories", each), registry, repository, declared)
        for each, secret in registry.pull_secrets.items():
            yield from _pull_secret((*path, "pullSecrets", each), registry, secret, declared)
    yield from _twice(declared)


def _repository(
    path: Path, registry: Registry, declared: Repository, whole: Declaration
) -> Iterator[Finding]:
    if problem := rules.name(path[-1]):
        yield path, problem
    # One of this machine is taken up as it is found.
    only = {RegistryKind.ECR: REPOSITORY_ONLY[RegistryKind.ECR] | {"import_"}}
    yield from _unfit(path, rules.repository(_inputs(declared)), _other(declared, registry.kind, only))
    encryption = declared.encryption or Encryption(type=repositories.AES)
    if encryption.key and not _is_arn(encryption.key):
        where = (*path, "encryption", "key")
        if encryption.key not in whole.keys:
            yield where, unknown(encryption.key, sorted(whole.keys), "key")
        elif encryption.type == repositories.AES:
            yield where, f"found a key with {repositories.AES}; expected {repositories.KMS} with one"


def _pull_secret(path: Path, registry: Registry, secret: PullSecret, whole: Declaration) -> Iterator[Finding]:
    name = str(path[-1])
    if problem := naming.dns_label_problem(name):
        yield path, f"found {shown(name)}; {problem}"
    if problem := manifests.namespace_problem(secret.namespace):
        yield (*path, "namespace"), problem
    if secret.user and registry.kind is RegistryKind.ECR:
        yield (
            (*path, "user"),
            f"found {shown(secret.user)}; expected none (ECR has one login for each caller)",
        )
    elif secret.user and registry.users and secret.user not in registry.users:
        yield (*path, "user"), unknown(secret.user, sorted(registry.users), "user")
    taken = {*whole.propagations, *map(sealed_secrets.propagation, whole.sealed_secrets)}
    if propagation(name) in taken:
        found = f"found {propagation(name)!r} among the propagations"
        yield path, f"{found}; expected it free (it carries this secret)"
    sealed = whole.sealed_secrets.get(name)
    if sealed and sealed.namespace == secret.namespace:
        found = f"found Secret {secret.namespace}/{name} again"
        yield path, f"{found}; expected it once (it is {sealed_secrets.SECTION}.{name} too)"


def _twice(declared: Declaration) -> Iterator[Finding]:
    """Pull secrets of one name, which several registries have: what carries them has it."""
    seen: dict[str, str] = {}
    for name, registry in declared.registries.items():
        for each in registry.pull_secrets:
            first = seen.setdefault(each, name)
            if first != name:
                text = f"found {each!r}, a pull secret of {SECTION}.{first} too; expected a name of its own"
                yield (SECTION, name, "pullSecrets", each), text


def _unfit(path: Path, failures: Iterable[Any], others: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    for failure in failures:
        yield (*path, failure.name), failure.reason
    for name, kind in others:
        yield (*path, _CAMEL.get(name, name)), f"found it in a registry of kind {kind}; expected none there"


def _other(
    declared: Registry | Repository, kind: RegistryKind, only: Mapping[RegistryKind, frozenset[str]]
) -> Iterator[tuple[str, str]]:
    """What is said that another kind alone can be told."""
    said = declared.model_dump(exclude_unset=True, exclude_none=True)
    for other, names in only.items():
        yield from ((name, str(kind)) for name in sorted(said.keys() & names) if other is not kind)


def _inputs(declared: Registry | Repository) -> dict[str, Any]:
    """What the rules of registries look at, by the names that they have there."""
    found = declared.model_dump(exclude_unset=True, exclude_none=True)
    inputs = {_CAMEL.get(name, name): value for name, value in found.items()}
    encryption = found.get("encryption", {})
    if "key" in encryption and not _is_arn(encryption["key"]):
        # One of the inventory's, whose ARN is known once it is made.
        inputs["encryption"] = {"type": encryption["type"]}
    if "tagMutability" in inputs:
        inputs["tagMutability"] = str(inputs["tagMutability"]).upper()
    return inputs


def resolved(environment: str, declared: Registry, groups: Groups, *, protect: bool) -> inventory.Registry:
    """A registry with all that was not said; where data is meant to stay, it is hard to lose.

    `protect` is what the environment says.
    """
    shared = not keys.is_throwaway(environment)
    said = declared.model_dump(
        exclude_unset=True, exclude_none=True, exclude={"kind", "repositories", "pull_secrets"}
    )
    if declared.kind is RegistryKind.OCI:
        said.setdefault("force_delete", not shared)
    return inventory.Registry(
        kind=str(declared.kind),
        settings=said,
        repositories={
            name: _resolved(each, shared=shared, protect=protect)
            for name, each in declared.repositories.items()
        },
        pull_secrets={
            name: inventory.PullSecret(
                each.namespace, groups.chosen(each.groups, each.clusters), each.user, each.timeout
            )
            for name, each in declared.pull_secrets.items()
        },
    )


def _resolved(declared: Repository, *, shared: bool, protect: bool) -> inventory.Repository:
    said = declared.model_dump(
        exclude_unset=True, exclude_none=True, include=set(REPOSITORY_ONLY[RegistryKind.ECR])
    )
    key = declared.encryption.key if declared.encryption else None
    if "tag_mutability" in said:
        said["tag_mutability"] = str(said["tag_mutability"]).upper()
    return inventory.Repository(
        settings=said,
        key=key if key and not _is_arn(key) else None,
        force_delete=not shared if declared.force_delete is None else declared.force_delete,
        protect=shared or protect if declared.protect is None else declared.protect,
        retain=shared if declared.retain is None else declared.retain,
        existing=declared.import_,
    )


def _is_arn(key: str) -> bool:
    return key.startswith("arn:")


def placed(declared: inventory.Inventory) -> Iterator[Placed]:
    """Where the pull secrets go."""
    for name, registry in declared.registries.items():
        for each, secret in registry.pull_secrets.items():
            yield Placed((SECTION, name, "pullSecrets", each), secret.namespace, secret.clusters)


def manifest(name: str, secret: inventory.PullSecret, kind: str, data: Any) -> inventory.Manifest:
    """The Secret of a type that a pull secret becomes; `data` is whatever stands for what it holds."""
    metadata = {"name": name, "namespace": secret.namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "data": data}
