"""What the engine keeps of an object: its fields, and beside them what the plugin needs to know again. Pure.

Source: the official plugin's checkpoint object (`__inputs`, `__initialApiVersion`, `__fieldManager`). Unlike it,
`metadata.managedFields` is left out: it changes with every write of anybody and is no use to a program.
"""

from dataclasses import dataclass
from typing import Any

from atoll.kubernetes import identities
from atoll.provider import values
from atoll.provider.kubernetes import annotations, manifests
from atoll.provider.kubernetes.manifests import Manifest

_INPUTS = "__inputs"
_API_VERSION = "__initialApiVersion"
_MANAGER = "__fieldManager"
_BOOKKEEPING = (_INPUTS, _API_VERSION, _MANAGER)
_UNDERSCORED = {
    f"x-kubernetes-{name}": f"x_kubernetes_{name.replace('-', '_')}"
    for name in (
        "embedded-resource",
        "int-or-string",
        "list-map-keys",
        "list-type",
        "map-type",
        "preserve-unknown-fields",
        "validations",
    )
}
"""Schema keys of CustomResourceDefinitions, which the SDKs cannot spell."""
_DASHED = {underscored: dashed for dashed, underscored in _UNDERSCORED.items()}


@dataclass(frozen=True)
class Saved:
    """The state of a resource, taken apart; each part is empty where the state lacks it."""

    live: Manifest
    manager: str
    initial_version: str

    @property
    def uid(self) -> str:
        """What tells the object from another one of its name."""
        return str(identities.metadata(self.live).get("uid", ""))


def read_inputs(struct: Any) -> values.Decoded:
    """The manifest that a program declares, and which of it is secret."""
    decoded = values.decode(struct)
    if identities.group_kind(decoded.value) == manifests.CRD:
        return values.Decoded(_renamed(decoded.value, _DASHED), decoded.secrets)
    return decoded


def read(struct: Any) -> Saved:
    """Takes a state apart."""
    found = read_inputs(struct).value
    live = {key: value for key, value in found.items() if key not in _BOOKKEEPING}
    return Saved(live, str(found.get(_MANAGER, "")), str(found.get(_API_VERSION, "")))


def write_inputs(inputs: values.Decoded) -> Any:
    """The struct of a manifest, its secrets marked; a Secret's data is always one."""
    return values.encode(_spelled(inputs.value), inputs.secrets | _always_secret(inputs.value))


def write(inputs: values.Decoded, live: Manifest, manager: str, initial_version: str = "") -> Any:
    """Puts a state together."""
    metadata = {key: value for key, value in identities.metadata(live).items() if key != "managedFields"}
    declared = inputs.value
    kept = {
        **live,
        "metadata": metadata,
        _INPUTS: declared,
        _API_VERSION: initial_version or declared.get("apiVersion", ""),
        _MANAGER: manager,
    }
    marks = inputs.secrets | _always_secret(declared)
    secrets = {(_INPUTS, *path) for path in marks} | {_whole_lists(path) for path in marks}
    if marks:
        secrets.add(("metadata", "annotations", annotations.LAST_APPLIED))
    return values.encode(_spelled(kept), secrets)


def _always_secret(manifest: Manifest) -> frozenset[values.Path]:
    if identities.group_kind(manifest) != manifests.SECRET:
        return frozenset()
    return frozenset({("data",), ("stringData",)})


def _whole_lists(path: values.Path) -> values.Path:
    """The path up to its first list: the server may order a list's entries in its own way."""
    end = next((place for place, part in enumerate(path) if isinstance(part, int)), len(path))
    return path[:end]


def _spelled(manifest: Manifest) -> Manifest:
    return _renamed(manifest, _UNDERSCORED) if identities.group_kind(manifest) == manifests.CRD else manifest


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {names.get(key, key): _renamed(entry, names) for key, entry in value.items()}
    if isinstance(value, list):
        return [_renamed(entry, names) for entry in value]
    return value
