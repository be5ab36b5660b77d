"""Sealed secrets in an inventory: what must hold between them and the rest, and what follows from them. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

from atoll.core import naming
from atoll.platform import inventory, manifests
from atoll.platform.checks import Finding
from atoll.platform.declaration import Declaration, SealedSecret
from atoll.platform.groups import Groups
from atoll.platform.inventory import SopsFile
from atoll.platform.namespaces import Placed
from atoll.platform.problems import choice, shown, unknown
from atoll.secrets import generated, sops_forms

SECTION = "sealedSecrets"
_ROLE = "sealed"
ENDS = sops_forms.ENDS


def propagation(name: str) -> str:
    """What the propagation of a sealed secret is called."""
    return naming.child(name, _ROLE)


def problems(declared: Declaration, whole: Iterable[str]) -> Iterator[Finding]:
    """What cannot be, whatever else there is; `whole` are those that nothing was left out of."""
    for name in whole:
        secret = declared.sealed_secrets[name]
        sops, given = secret.sops, [each for each in generated.CONTENTS if getattr(secret, each)]
        if len(given) != 1:
            found = (
                f"both {choice(given, 'and')}" if given else f"none of {choice(generated.CONTENTS, 'and')}"
            )
            yield (SECTION, name), f"found {found}; expected one of them"
        if secret.generated and secret.key:
            why = "they lie in the state alone, under the environment's own key"
            yield (SECTION, name, "key"), f"found a key beside generated values; expected none ({why})"
        if sops and not sops.endswith(ENDS):
            yield (
                (SECTION, name, "sops"),
                f"found {shown(sops)}; expected a file that ends with {choice(ENDS)}",
            )
    for name, secret in declared.sealed_secrets.items():
        path = (SECTION, name)
        if secret.key and secret.key not in declared.keys:
            yield (*path, "key"), unknown(secret.key, sorted(declared.keys), "key")
        if secret.namespace is None and (secret.groups or secret.clusters):
            yield (*path, "namespace"), "found nothing; expected the namespace that it goes to"
        if secret.namespace and (problem := manifests.namespace_problem(secret.namespace)):
            yield (*path, "namespace"), problem
        if propagation(name) in declared.propagations:
            yield (
                path,
                f"found {propagation(name)!r} among the propagations; expected it free (it carries this secret)",
            )


def resolve(declared: SealedSecret, groups: Groups, where: str) -> inventory.SealedSecret:
    """A sealed secret with its clusters; `where` is the line and path that declare its file."""
    return inventory.SealedSecret(
        namespace=declared.namespace or "",
        type=declared.type,
        clusters=groups.chosen(declared.groups, declared.clusters),
        values=declared.values,
        sops=SopsFile(declared.sops, where) if declared.sops else None,
        generated=declared.generated,
        key=declared.key,
        timeout=declared.timeout,
    )


def placed(declared: inventory.Inventory) -> Iterator[Placed]:
    """Where the Secrets go."""
    for name, secret in declared.sealed_secrets.items():
        if secret.namespace:
            yield Placed((SECTION, name), secret.namespace, secret.clusters)


def manifest(name: str, secret: inventory.SealedSecret, data: Any) -> inventory.Manifest:
    """The Secret that a sealed one becomes; `data` is whatever stands for what it holds."""
    metadata = {"name": name, "namespace": secret.namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": secret.type, "data": data}
