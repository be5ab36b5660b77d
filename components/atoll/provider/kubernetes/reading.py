"""Reads live objects back: what a refresh, an import or a `.get` sees."""

from dataclasses import dataclass

from atoll.core.errors import AtollError
from atoll.kubernetes import Api, ApiError
from atoll.provider import values
from atoll.provider.kubernetes import applying, drift, manifests, readiness, writing
from atoll.provider.kubernetes.manifests import Manifest
from atoll.provider.kubernetes.state import Saved


@dataclass(frozen=True)
class Seen:
    """A live object, the manifest that declares it as it is, and what keeps it from being ready."""

    live: Manifest
    inputs: values.Decoded
    missing: str = ""


def named(token_version: str, kind: str, identifier: str, saved: Saved) -> Manifest:
    """The manifest that names what an import or a `.get` means: nothing is known of it but type and id."""
    namespace, _, name = identifier.rpartition("/")
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    version = str(saved.live.get("apiVersion") or token_version)
    return {"apiVersion": version, "kind": str(saved.live.get("kind") or kind), "metadata": metadata}


def look(api: Api, named: Manifest, saved: Saved, declared: values.Decoded, manager: str) -> Seen | None:
    """The live object that a manifest names, compared with what was declared; None where there is none.

    What stands in the place of an object whose creation was never answered is ours only if our manager wrote it.

    Raises:
        AtollError: the server lets nobody see it.
        UnavailableError: the server does not answer.
    """
    try:
        live = api.get(named)
        if live is None or (declared.value and not saved.uid and not writing.owned(live, manager)):
            return None
        if not declared.value:
            # An import or a `.get`: its inputs are those that would declare it.
            return Seen(live, values.Decoded(drift.adopted(live), frozenset()))
        return Seen(live, _declared_now(api, declared, live, manager), _missing(declared.value, live))
    except ApiError as error:
        raise AtollError(f"{manifests.label(named)}: cannot be read: {error}") from error


def _missing(declared: Manifest, live: Manifest) -> str:
    rule = applying.rule(declared)
    verdict = rule(live) if rule else readiness.READY
    return "" if verdict.ready else f"{manifests.label(live)}: found not ready: {verdict.missing}"


def _declared_now(api: Api, declared: values.Decoded, live: Manifest, manager: str) -> values.Decoded:
    """The declared manifest with what drifted from it.

    Where words differ (1000m, 1) a dry run of the declared manifest tells how the server puts it.
    """
    found = drift.seen(declared.value, live)
    if found == declared.value:
        return declared
    wanted = _wanted(api, declared.value, manager)
    return values.Decoded(drift.seen(declared.value, live, wanted), declared.secrets)


def _wanted(api: Api, declared: Manifest, manager: str) -> Manifest | None:
    order = writing.Order(declared, manager, force=True)
    try:
        return writing.apply(api, order, dry_run=True)
    except AtollError:
        # Not allowed to write, or the field cannot change any more: what differs, differs.
        return None
