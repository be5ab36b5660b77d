"""What of a live object differs from what was declared. Pure."""

import base64
import binascii
from typing import Any

from atoll.provider.kubernetes import annotations, manifests
from atoll.provider.kubernetes.manifests import Manifest

_SERVER_SIDE = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
"""Metadata that nobody declares."""
_KEPT_BY_OTHERS = frozenset({annotations.LAST_APPLIED, "deployment.kubernetes.io/revision"})


def pruned(live: Any, shape: Any) -> Any:
    """The part of a live value that a declared one names; a list of another length is taken whole."""
    if isinstance(live, dict) and isinstance(shape, dict):
        return {key: pruned(live[key], value) for key, value in shape.items() if key in live}
    if isinstance(live, list) and isinstance(shape, list) and len(live) == len(shape):
        return [pruned(entry, value) for entry, value in zip(live, shape, strict=True)]
    return live


def seen(declared: Manifest, live: Manifest) -> Manifest:
    """The declared manifest with the values that the live object has."""
    folded = _folded(declared)
    found: Manifest = pruned(live, folded)
    return _unfolded(declared, found)


def normalised(declared: Manifest, live: Manifest, wanted: Manifest) -> bool:
    """Whether a live object is what the server would make of the declared one, its own words for values aside."""
    folded = _folded(declared)
    return bool(pruned(live, folded) == pruned(wanted, folded))


def adopted(live: Manifest) -> Manifest:
    """The manifest that would declare a live object: for an import, where nothing was declared before."""
    metadata = {key: value for key, value in manifests.metadata(live).items() if key not in _SERVER_SIDE}
    kept = {
        key: value for key, value in (metadata.get("annotations") or {}).items() if key not in _KEPT_BY_OTHERS
    }
    metadata.pop("annotations", None)
    if kept:
        metadata["annotations"] = kept
    return {key: value for key, value in live.items() if key != "status"} | {"metadata": metadata}


def _folded(declared: Manifest) -> Manifest:
    """A Secret as the server keeps it: what is plain in `stringData` is encoded in `data`."""
    plain = declared.get("stringData")
    if manifests.group_kind(declared) != manifests.SECRET or not isinstance(plain, dict):
        return declared
    encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in plain.items()}
    rest = {key: value for key, value in declared.items() if key != "stringData"}
    return {**rest, "data": {**(declared.get("data") or {}), **encoded}}


def _unfolded(declared: Manifest, found: Manifest) -> Manifest:
    """A Secret in the words of the declared one: what it says in `stringData` is plain there."""
    plain = declared.get("stringData")
    if manifests.group_kind(declared) != manifests.SECRET or not isinstance(plain, dict):
        return found
    data = dict(found.get("data") or {})
    decoded = {key: _decoded(data.pop(key)) for key in plain if key in data}
    rest = {key: value for key, value in found.items() if key != "data"}
    return rest | {"stringData": decoded} | ({"data": data} if "data" in declared else {})


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return value
