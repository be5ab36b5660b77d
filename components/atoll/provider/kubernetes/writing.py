"""Writes objects by server-side apply, so that whatever goes wrong, nothing that was written is lost.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply
"""

import hashlib
import time
from dataclasses import dataclass, replace

import urllib3

from atoll.core.errors import AtollError, RefusedError
from atoll.kubernetes import Api, ApiError, UnreachableError, identities
from atoll.provider.kubernetes import annotations, conflicts, waiting
from atoll.provider.kubernetes.manifests import Manifest

_PATIENCE = 10.0
"""Seconds for what another resource of the same run makes: a namespace, a CRD that is not served yet."""
_PAUSE = 0.25
_NOT_FOUND, _CONFLICT, _INVALID = 404, 409, 422
_UNSURE = frozenset({500, 502, 503, 504})
"""Answers of which nobody knows whether the write went through."""
_BEFORE_WRITING = "failed calling webhook"
"""What the server says, with 500, where it stopped before it wrote."""
_NEVER_SENT = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)


class LostAnswerError(AtollError):
    """An object may have been written: what came back, if anything, does not tell."""


@dataclass(frozen=True)
class Order:
    """One write. `uid` is that of the object to change; empty for a new one, or where any will do.

    `former` is the manager that wrote the object before, None where nothing of it is ours yet. A patch takes
    fields from nobody but its own former manager.
    """

    manifest: Manifest
    manager: str
    force: bool = False
    uid: str = ""
    former: str | None = None
    patch: bool = False


def manager_of(manifest: Manifest, urn: str) -> str:
    """The field manager of an object: the one its annotation names, else one of its own, the same in each run.

    The official plugin takes a random one, so that what it wrote without hearing of it conflicts for ever.
    """
    digest = hashlib.sha256(urn.encode()).hexdigest()[:8]
    return annotations.value(manifest, annotations.FIELD_MANAGER) or f"pulumi-kubernetes-{digest}"


def must_be_free(
    api: Api, manifest: Manifest, manager: str, wait: waiting.Wait, *, upsert: bool = False
) -> None:
    """Checks that a new object's name is free, or taken by what may be written over.

    That is what the same manager wrote before, and anything with `upsert`. What is on its way out is waited for:
    it would take what is applied to it with it, and keeps to the rules of what may change.

    Raises:
        RefusedError: somebody else's object has the name.
        WaitError: an object of that name is being deleted and does not go.
    """
    live = api.get(manifest)
    if live is not None and is_leaving(live):
        waiting.until_gone(api, live, wait)
        return
    if live is None or upsert or owned(live, manager):
        return
    raise RefusedError(
        f"{identities.label(manifest)}: already exists in the cluster; expected a free name. "
        "Import it (pulumi import), or set upsertExistingObjects on the provider to take it over."
    )


def write_to_stay(api: Api, order: Order, wait: waiting.Wait) -> Manifest:
    """Writes an object; one that is on its way out is waited for and made anew: what is applied to it goes with it.

    Somebody else's object, of which an order means some fields only, is not.
    """
    live = write(api, order)
    if is_leaving(live) and not order.patch:
        waiting.until_gone(api, live, wait)
        live = write(api, replace(order, uid=""))
    return live


def is_leaving(live: Manifest) -> bool:
    """Whether an object is being deleted."""
    return bool(identities.metadata(live).get("deletionTimestamp"))


def owned(live: Manifest, manager: str) -> bool:
    """Whether a field manager wrote some of an object."""
    return any(
        entry.get("manager") == manager for entry in identities.metadata(live).get("managedFields") or []
    )


def write(api: Api, order: Order) -> Manifest:
    """Applies a manifest and returns the live object. Asking again is harmless: it is the same apply.

    Raises:
        RefusedError: fields belong to others, or the object is not the one of the state.
        LostAnswerError: nobody knows whether it was written.
        AtollError: it was not written.
    """
    end, attempts, doubt = time.monotonic() + _PATIENCE, api.attempts(), False
    while True:
        try:
            return _whole(order, apply(api, order))
        except UnreachableError as error:
            doubt = doubt or _may_have_arrived(error)
            if not attempts.another(error):
                raise _lost(order, error) if doubt else error from error
        except ApiError as error:
            doubt = doubt or (error.code in _UNSURE and _BEFORE_WRITING not in str(error))
            if error.code == _NOT_FOUND and time.monotonic() < end:
                time.sleep(_PAUSE)
            elif not attempts.another(error):
                raise _lost(order, error) if doubt else refused(order.manifest, error) from error


def apply(api: Api, order: Order, *, dry_run: bool = False) -> Manifest:
    """Applies once; fields of former managers of ours and of kubectl are taken over.

    Raises:
        RefusedError: fields belong to others, or the object is not the one of the state.
        ApiError: the server refused it for another reason.
    """
    manifest = _body(api, order)
    try:
        return api.apply(manifest, manager=order.manager, force=order.force, dry_run=dry_run)
    except ApiError as error:
        if error.code != _CONFLICT and not _is_another(order, error):
            raise
        found = conflicts.read(error.status)
        if not found or not _may_take(order, found):
            raise conflicts.refusal(order.manifest, found, error) from error
        return api.apply(manifest, manager=order.manager, force=True, dry_run=dry_run)


def _may_take(order: Order, found: list[conflicts.Conflict]) -> bool:
    if order.former is None:
        return False
    if order.patch:
        return all(conflict.manager == order.former for conflict in found)
    return conflicts.may_be_taken(found, order.former)


def _is_another(order: Order, error: ApiError) -> bool:
    """Whether the object in place is not the one that is meant; some kinds call its UID a field that cannot change."""
    return bool(order.uid) and error.code == _INVALID and "metadata.uid" in str(error)


def relinquish(api: Api, live: Manifest, manager: str) -> Manifest:
    """Gives up the fields of a manager that is no longer used; others that own them too keep them."""
    return api.apply(identities.reference(live), manager=manager)


def refused(manifest: Manifest, error: ApiError) -> AtollError:
    """The error of a write that the server refused."""
    return AtollError(f"{identities.label(manifest)}: the API server refused it: {error}")


def _body(api: Api, order: Order) -> Manifest:
    """The manifest as it is sent: bound to the object that is meant, without a namespace where none is taken."""
    metadata = dict(order.manifest["metadata"])
    kind = api.resource(order.manifest["apiVersion"], order.manifest["kind"])
    if kind is not None and not kind.namespaced:
        metadata.pop("namespace", None)
    if order.uid:
        metadata["uid"] = order.uid
    return {**order.manifest, "metadata": metadata}


def _may_have_arrived(error: UnreachableError) -> bool:
    cause = error.__cause__
    return not isinstance(getattr(cause, "reason", None) or cause, _NEVER_SENT)


def _whole(order: Order, live: Manifest) -> Manifest:
    """An answer that is the object; what a proxy makes up in between says nothing of the write."""
    if identities.metadata(live).get("uid"):
        return live
    raise _lost(order, AtollError("the answer is no object"))


def _lost(order: Order, error: AtollError) -> LostAnswerError:
    return LostAnswerError(
        f"{identities.label(order.manifest)}: found no answer that tells whether it was written ({error}); "
        "expected one. Run the same again: it is taken up where it is."
    )
