"""Every object of a cluster as its own API server tells it: by name, with its UID and what it holds."""

import hashlib
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from atoll.kubernetes import Api

_PASSING = {"Event", "Lease", "ComponentStatus"}
"""Kinds that come and go by themselves: nothing is lost with them."""
_WRITTEN_BY_THE_SERVER = ("resourceVersion", "managedFields", "generation")


class Held(NamedTuple):
    """One object: who it is, and a digest of what it holds (its status, which its controllers write, left out)."""

    uid: str
    content: str


def held(apis: dict[str, Api]) -> dict[str, Held]:
    """Every object of some clusters, keyed `<cluster> <kind>.<group> <namespace>/<name>`."""
    return {
        f"{cluster} {_key(each)}": Held(each["metadata"].get("uid", ""), _digest(each))
        for cluster, each in _all(apis)
    }


def counted(apis: dict[str, Api]) -> Counter[str]:
    """How many objects there are of each name; a name that the server made up counts as what it began with."""
    return Counter(f"{cluster} {_key(each, made_up=False)}" for cluster, each in _all(apis))


def lost(before: dict[str, Held], after: dict[str, Held]) -> list[str]:
    """What is gone, is another object under the same name, holds something else, or was not there."""
    return [
        *(f"gone: {key}" for key in sorted(before.keys() - after.keys())),
        *(f"new: {key}" for key in sorted(after.keys() - before.keys())),
        *(
            f"{'another' if before[key].uid != after[key].uid else 'altered'}: {key}"
            for key in sorted(before.keys() & after.keys())
            if before[key] != after[key]
        ),
    ]


def _all(apis: dict[str, Api]) -> list[tuple[str, dict[str, Any]]]:
    with ThreadPoolExecutor(len(apis) or 1) as pool:
        listings = pool.map(_of_one, apis.values())
        return [(name, each) for name, listing in zip(apis, listings, strict=True) for each in listing]


def _of_one(api: Api) -> list[dict[str, Any]]:
    groups = [group["preferredVersion"]["groupVersion"] for group in api.request("GET", "/apis")["groups"]]
    found = []
    for version in ("v1", *groups):
        path = f"/apis/{version}" if "/" in version else f"/api/{version}"
        for kind in api.request("GET", path)["resources"]:
            if "/" not in kind["name"] and "list" in kind["verbs"] and kind["kind"] not in _PASSING:
                found += api.items(version, kind["kind"])
    return found


def _key(manifest: dict[str, Any], *, made_up: bool = True) -> str:
    metadata = manifest["metadata"]
    group = manifest["apiVersion"].rpartition("/")[0]
    prefix = metadata.get("generateName")
    name = f"{prefix}*" if prefix and not made_up else metadata["name"]
    return f"{manifest['kind']}.{group} {metadata.get('namespace', '')}/{name}"


def _digest(manifest: dict[str, Any]) -> str:
    content = _written({key: value for key, value in manifest.items() if key != "status"})
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _written(value: Any) -> Any:
    """What was written, at any depth: a binding of Karmada's holds its template's resource version."""
    if isinstance(value, dict):
        return {key: _written(each) for key, each in value.items() if key not in _WRITTEN_BY_THE_SERVER}
    return [_written(each) for each in value] if isinstance(value, list) else value
