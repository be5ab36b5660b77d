"""Reads live objects back: what a refresh, an import or a `.get` sees."""

from atoll.core.errors import AtollError
from atoll.kubernetes import Api, ApiError
from atoll.provider import values
from atoll.provider.kubernetes import drift, manifests, writing
from atoll.provider.kubernetes.manifests import Manifest
from atoll.provider.kubernetes.state import Saved


def named(token_version: str, kind: str, identifier: str, saved: Saved) -> Manifest:
    """The manifest that names what an import or a `.get` means: nothing is known of it but type and id."""
    namespace, _, name = identifier.rpartition("/")
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    version = str(saved.live.get("apiVersion") or token_version)
    return {"apiVersion": version, "kind": str(saved.live.get("kind") or kind), "metadata": metadata}


def declared_now(api: Api, declared: values.Decoded, live: Manifest, manager: str) -> values.Decoded:
    """The declared manifest with what drifted from it.

    Where words differ (1000m, 1) a dry run of the declared manifest tells how the server puts it.
    """
    found = drift.seen(declared.value, live)
    if found == declared.value or _normalised(api, declared.value, live, manager):
        return declared
    return values.Decoded(found, declared.secrets)


def _normalised(api: Api, declared: Manifest, live: Manifest, manager: str) -> bool:
    order = writing.Order(declared, manager, force=True)
    try:
        wanted = writing.apply(api, order, dry_run=True)
    except (ApiError, AtollError):
        # Not allowed to write, or the field cannot change any more: what differs, differs.
        return False
    return drift.normalised(declared, live, wanted)


def imported(live: Manifest) -> values.Decoded:
    """The inputs that would declare a live object."""
    return values.Decoded(drift.adopted(live), frozenset())


def label(declared: Manifest, error: AtollError) -> AtollError:
    """An error of a read, with the object's name before it."""
    return AtollError(f"{manifests.label(declared)}: cannot be read: {error}")
