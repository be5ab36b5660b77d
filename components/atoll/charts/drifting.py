"""What somebody changed of objects that were written whole, told by what writing them again would make of them."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from atoll.kubernetes import Api, ApiError
from atoll.kubernetes.client import Manifest

_SERVER_SIDE = frozenset({"managedFields", "resourceVersion", "generation", "creationTimestamp", "uid"})
_PARALLEL = 16
_SHOWN = 3


def looked(api: Api, objects: Iterable[Manifest], manager: str) -> Iterator[tuple[Manifest, str]]:
    """Each object, as `manager` writes it, with what drifted of it; empty where nothing did."""
    wanted = list(objects)
    with ThreadPoolExecutor(_PARALLEL) as threads:
        yield from zip(wanted, threads.map(lambda each: _drift(api, each, manager), wanted), strict=True)


def _drift(api: Api, manifest: Manifest, manager: str) -> str:
    """What a live object lacks of what its manager would make of it now, told by a dry run of that."""
    written = body(api, manifest)
    metadata = written["metadata"]
    label = f"{written['kind']} {'/'.join(filter(None, (metadata.get('namespace'), metadata['name'])))}"
    live = api.get(written)
    if live is None:
        return f"{label}: gone"
    try:
        wanted = api.apply(written, manager=manager, force=True, dry_run=True)
    except ApiError as error:
        return f"{label}: cannot be put back ({error})"
    paths = list(differences(plain(wanted), plain(live)))
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return f"{label}: {', '.join(paths[:_SHOWN])}{more}" if paths else ""


def body(api: Api, manifest: Manifest) -> Manifest:
    """A manifest as it is written: a kind that lives in no namespace names none."""
    kind = api.resource(manifest["apiVersion"], manifest["kind"])
    if kind is None or kind.namespaced:
        return manifest
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "namespace"}
    return {**manifest, "metadata": metadata}


def plain(found: Manifest) -> Manifest:
    """An object without what the server counts by itself."""
    metadata = {key: value for key, value in found["metadata"].items() if key not in _SERVER_SIDE}
    return {key: value for key, value in found.items() if key != "status"} | {"metadata": metadata}


def differences(wanted: Any, live: Any, path: str = "") -> Iterator[str]:
    """The paths at which two values differ."""
    if isinstance(wanted, dict) and isinstance(live, dict):
        for key in sorted(wanted.keys() | live.keys()):
            yield from differences(wanted.get(key), live.get(key), f"{path}.{key}" if path else str(key))
    elif wanted != live:
        yield path
