"""Reads live objects back: what a refresh, an import or a `.get` sees."""

from dataclasses import dataclass

from atoll.core.errors import AtollError
from atoll.kubernetes import Api, ApiError, identities
from atoll.provider import values
from atoll.provider.kubernetes import awaiting, drift, kinds, waiting, writing
from atoll.provider.kubernetes.manifests import Manifest
from atoll.provider.kubernetes.state import Saved

LEAVING_SECONDS = 20.0
"""How long a look waits for an object that is being deleted: it is gone for whoever looks a moment later."""


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


def look(  # noqa: PLR0913, PLR0917 - what a state has of an object, and who waits
    api: Api, named: Manifest, saved: Saved, declared: values.Decoded, manager: str, wait: waiting.Wait
) -> Seen | None:
    """The live object that a manifest names, compared with what was declared; None where there is none.

    One that is on its way out is waited for: a run that was killed may have begun to delete it. What stands in the place of an object whose creation was never answered is ours only if our manager wrote it.

    Raises:
        AtollError: the server lets nobody see it.
        UnavailableError: the server does not answer.
    """
    try:
        live = _staying(api, _served(api, named), wait)
        if live is None or (declared.value and not saved.uid and not writing.owned(live, manager)):
            return None
        if not declared.value:
            # An import or a `.get`: its inputs are those that would declare it.
            return Seen(live, values.Decoded(drift.adopted(live), frozenset()))
        return Seen(live, _declared_now(api, declared, live, manager), _missing(api, declared.value, live))
    except ApiError as error:
        raise AtollError(f"{identities.label(named)}: cannot be read: {error}") from error


def _staying(api: Api, named: Manifest, wait: waiting.Wait) -> Manifest | None:
    live = api.get(named)
    if live is None or not writing.is_leaving(live):
        return live
    try:
        waiting.until_gone(api, live, wait)
    except waiting.WaitError as error:
        return error.live
    return api.get(named)


def _served(api: Api, named: Manifest) -> Manifest:
    """What names the object of a Patch that nothing but its type and id is known of."""
    kind = str(named["kind"])
    if not kind.endswith(kinds.PATCH) or api.resource(named["apiVersion"], kind) is not None:
        return named
    return {**named, "kind": kind.removesuffix(kinds.PATCH)}


def _missing(api: Api, declared: Manifest, live: Manifest) -> str:
    missing = awaiting.missing(api, declared, live)
    return f"{identities.label(live)}: found not ready: {missing}" if missing else ""


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
