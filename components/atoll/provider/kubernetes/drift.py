"""What of a live object differs from what was declared. Pure."""

import base64
import binascii
from typing import Any

from atoll.kubernetes import identities
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


def seen(declared: Manifest, live: Manifest, wanted: Manifest | None = None) -> Manifest:
    """The declared manifest with the values that the live object has, the server's own words for them aside.

    `wanted` is what the server would make of the declared manifest: where the live object says the same, nothing
    drifted, whatever the words (1000m is 1). Without it, other words are drift.
    """
    folded = _folded(declared)
    return _unfolded(declared, _seen(folded, live, folded if wanted is None else wanted))


def _seen(declared: Any, live: Any, wanted: Any) -> Any:
    """The live value, as far as the declared one names it; a list of another length is taken whole."""
    if isinstance(declared, dict) and isinstance(live, dict):
        inside: Any = wanted if isinstance(wanted, dict) else dict.fromkeys(declared)
        return {
            # What the server drops (an empty list, say) is not gone.
            key: _seen(value, live[key], inside.get(key)) if key in live else value
            for key, value in declared.items()
            if key in live or key not in inside
        }
    if isinstance(declared, list) and isinstance(live, list) and len(declared) == len(live):
        inside = wanted if isinstance(wanted, list) and len(wanted) == len(live) else [None] * len(live)
        return [_seen(*entries) for entries in zip(declared, live, inside, strict=True)]
    return declared if live == wanted else live


def adopted(live: Manifest) -> Manifest:
    """The manifest that would declare a live object: for an import, where nothing was declared before."""
    metadata = {key: value for key, value in identities.metadata(live).items() if key not in _SERVER_SIDE}
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
    if identities.group_kind(declared) != manifests.SECRET or not isinstance(plain, dict):
        return declared
    encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in plain.items()}
    rest = {key: value for key, value in declared.items() if key != "stringData"}
    return {**rest, "data": {**(declared.get("data") or {}), **encoded}}


def _unfolded(declared: Manifest, found: Manifest) -> Manifest:
    """A Secret in the words of the declared one: what it says in `stringData` is plain there."""
    plain = declared.get("stringData")
    if identities.group_kind(declared) != manifests.SECRET or not isinstance(plain, dict):
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
