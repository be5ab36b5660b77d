"""JSON patches between two renderings of one manifest. Pure.

Source: RFC 6901 (pointers), RFC 6902 (patches).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Manifest = dict[str, Any]
_KEYWISE = frozenset({(), ("metadata",), ("metadata", "labels"), ("metadata", "annotations")})
"""Maps that others write into as well: Atoll's mark and the revision are there on the plane."""


def pointer(path: Sequence[str | int]) -> str:
    """A path as a JSON pointer."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def between(template: Manifest, rendering: Manifest) -> tuple[Manifest, ...]:
    """The patches that make the template, as the plane has it, into the rendering.

    A key of a map is written with `add`, which RFC 6902 lets replace what is there: the plane's API server
    leaves out what is empty or false, and `replace` would then find nothing.
    """
    return tuple(_differences(_open(template), _open(rendering), ()))


def same(left: Any, right: Any) -> bool:
    """Whether two values are one in JSON, where 1 is not true."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def grouped(
    by_cluster: Mapping[str, tuple[Manifest, ...]],
) -> list[tuple[tuple[str, ...], tuple[Manifest, ...]]]:
    """(clusters, patches) with one entry for all clusters with equal patches; those without patches are left out.

    Their order is that of the patches: a cluster that comes or goes moves no other entry.
    """
    found: dict[str, tuple[list[str], tuple[Manifest, ...]]] = {}
    for cluster, patches in sorted(by_cluster.items()):
        if patches:
            found.setdefault(json.dumps(patches, sort_keys=True), ([], patches))[0].append(cluster)
    return [(tuple(clusters), patches) for _, (clusters, patches) in sorted(found.items())]


def _open(manifest: Manifest) -> Manifest:
    """The manifest with the maps that the plane always has."""
    metadata = dict(manifest.get("metadata") or {})
    for key in ("labels", "annotations"):
        metadata[key] = metadata.get(key) or {}
    return {**manifest, "metadata": metadata}


def _differences(left: Any, right: Any, path: tuple[str | int, ...]) -> Iterator[Manifest]:
    if same(left, right):
        return
    if (
        isinstance(left, dict)
        and isinstance(right, dict)
        and (path in _KEYWISE or left.keys() == right.keys())
    ):
        yield from _keys(left, right, path)
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for index, (old, new) in enumerate(zip(left, right, strict=True)):
            yield from _differences(old, new, (*path, index))
    else:
        verb = "replace" if isinstance(path[-1], int) else "add"
        yield {"op": verb, "path": pointer(path), "value": right}


def _keys(left: Manifest, right: Manifest, path: tuple[str | int, ...]) -> Iterator[Manifest]:
    for key in sorted(left.keys() | right.keys()):
        where = (*path, key)
        if key not in right:
            yield {"op": "remove", "path": pointer(where)}
        elif key not in left:
            yield {"op": "add", "path": pointer(where), "value": right[key]}
        else:
            yield from _differences(left[key], right[key], where)
