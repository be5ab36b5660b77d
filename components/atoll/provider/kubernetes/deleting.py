"""Deletes the object of a state, and no other one of its name."""

from atoll.core.errors import AtollError
from atoll.kubernetes import Api, ApiError, UnreachableError, identities
from atoll.provider.kubernetes import annotations, waiting, writing
from atoll.provider.kubernetes.manifests import Manifest
from atoll.provider.kubernetes.state import Saved

_NOT_FOUND, _CONFLICT = 404, 409
_QUICK = frozenset(
    {
        ("", "Namespace"),
        ("", "Pod"),
        ("", "ReplicationController"),
        ("apps", "DaemonSet"),
        ("apps", "Deployment"),
        ("apps", "StatefulSet"),
        ("batch", "Job"),
    }
)
"""Kinds whose deletion `skipAwait` does not wait for; all others are waited for whatever it says."""


def delete(api: Api, saved: Saved, declared: Manifest, wait: waiting.Wait) -> None:
    """Deletes an object and waits until it is gone; it being gone already, or replaced, is no error.

    Raises:
        WaitError: it stayed.
        AtollError: the server refused it.
    """
    api = wait.patient(api)
    uid = saved.uid or _uid_of_ours(api, saved)
    if not uid:
        return
    meant = {**saved.live, "metadata": {**saved.live["metadata"], "uid": uid}}
    if not _ask(api, meant, annotations.propagation(declared)):
        return
    skipped = annotations.is_true(declared, annotations.SKIP_AWAIT)
    if not (skipped and identities.group_kind(meant) in _QUICK):
        waiting.until_gone(api, meant, wait)


def _ask(api: Api, meant: Manifest, policy: str) -> bool:
    """Asks for a deletion until an answer comes; returns whether the object was still there.

    It is asked for by its UID, so that asking again, after an answer was lost, cannot hit another one of its name.
    """
    body = {"propagationPolicy": policy, "preconditions": {"uid": identities.metadata(meant)["uid"]}}
    attempts = api.attempts()
    while True:
        try:
            api.request("DELETE", api.path(meant), body)
        except UnreachableError as error:
            if not attempts.another(error):
                raise
            continue
        except ApiError as error:
            if error.code == _NOT_FOUND or _is_another(error):
                return False
            # A namespace that is already on its way out answers with a conflict: it is waited for.
            if error.code == _CONFLICT:
                return True
            if attempts.another(error):
                continue
            label = identities.label(meant)
            raise AtollError(f"{label}: the API server refused its deletion: {error}") from error
        return True


def _is_another(error: ApiError) -> bool:
    """Whether another object has the name: the one of the state is no more."""
    return error.code == _CONFLICT and "UID" in str(error)


def _uid_of_ours(api: Api, saved: Saved) -> str:
    """The UID of an object whose creation was never answered: only what our manager wrote is ours to delete."""
    live = api.get(saved.live)
    if live is None or not writing.owned(live, saved.manager):
        return ""
    return str(identities.metadata(live)["uid"])
