"""What a preview may say of a dry run's answer: some of it the server made up. Pure."""

from typing import Any

from atoll.kubernetes import identities
from atoll.provider import values
from atoll.provider.kubernetes.manifests import Manifest

_INVENTED = ("uid", "resourceVersion", "creationTimestamp")
_ALLOCATED = ("clusterIP", "clusterIPs")
_TOKEN_TYPE = "kubernetes.io/service-account-token"  # noqa: S105 - a type's name


def created(declared: Manifest, answer: Manifest) -> Manifest:
    """The object that a create will leave, with what only the real one will have marked unknown."""
    metadata = {**identities.metadata(answer), **dict.fromkeys(_INVENTED, values.UNKNOWN)}
    shown = {key: value for key, value in answer.items() if key != "status"} | {"metadata": metadata}
    if identities.group_kind(declared) == ("", "Service"):
        shown["spec"] = _unallocated(declared.get("spec") or {}, answer.get("spec") or {})
    if answer.get("type") == _TOKEN_TYPE:
        shown["data"] = values.UNKNOWN
    return shown


def updated(old: Manifest, answer: Manifest) -> Manifest:
    """The object that an update will leave; where its spec stays as it is, so does what programs read of it."""
    metadata: dict[str, Any] = {**identities.metadata(answer), "resourceVersion": values.UNKNOWN}
    shown = {**answer, "metadata": metadata}
    if metadata.get("generation") != identities.metadata(old).get("generation"):
        metadata["generation"] = values.UNKNOWN
        if "status" in shown:
            shown["status"] = values.UNKNOWN
    return shown


def guessed(old: Manifest, declared: Manifest, live: Manifest) -> Manifest:
    """The object that an update will leave, where no server can tell: the live one with the declared changes.

    `old` is what was declared before.
    """
    merged: Manifest = _merged(old, declared, live)
    if merged.get("spec") != live.get("spec") and "status" in merged:
        merged["status"] = values.UNKNOWN
    if isinstance(merged.get("metadata"), dict):
        merged["metadata"] = {**merged["metadata"], "resourceVersion": values.UNKNOWN}
    return merged


def _merged(old: Any, declared: Any, live: Any) -> Any:
    if not (isinstance(declared, dict) and isinstance(live, dict)):
        return declared
    before = old if isinstance(old, dict) else {}
    kept = {key: value for key, value in live.items() if key in declared or key not in before}
    changed = {key: _merged(before.get(key), value, live.get(key)) for key, value in declared.items()}
    return {**kept, **changed}


def _unallocated(declared: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """A Service's spec without the addresses and ports that a dry run allocates for itself."""
    open_fields = {field: values.UNKNOWN for field in _ALLOCATED if field in answer and field not in declared}
    ports = [
        {**port, "nodePort": values.UNKNOWN} if "nodePort" in port and "nodePort" not in wanted else port
        for port, wanted in zip(answer.get("ports") or [], declared.get("ports") or [], strict=False)
    ]
    return {**answer, **open_fields, **({"ports": ports} if ports else {})}
