"""Taking a member that will never return out of the plane, without asking it.

Karmada lets a dead member go by itself, but only once it has called it not Ready: for one that is frozen, whose
every request takes half a minute to fail, that is after minutes.
"""

import time
from datetime import timedelta
from pathlib import Path

from atoll.core import files, naming
from atoll.core.errors import NotReadyError, RefusedError
from atoll.federation.joining import CLUSTER_NAMESPACE, CLUSTERS, impersonator_secret
from atoll.host import Environment
from atoll.kubernetes import Api, ApiError
from atoll.kubernetes.client import MERGE, Manifest

_LIMIT = timedelta(seconds=30)
_PAUSE = 0.2
_NOT_FOUND = 404
_WORK = "work.karmada.io/v1alpha1"


def clear(plane: Api, member: str) -> None:
    """Removes what the plane holds of a member, taking up what an earlier call left; nothing of it is no error.

    Raises:
        RefusedError: somebody else joined a cluster of this name.
        NotReadyError: something of it stayed.
    """
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"karmada-es-{member}"}}
    _refuse_foreign(plane.find(f"{CLUSTERS}/{member}"), member)
    # The Cluster first: while it is there, Karmada makes its namespace and its Works again.
    _delete(plane, f"{CLUSTERS}/{member}")
    plane.delete(space)
    end = time.monotonic() + _LIMIT.total_seconds()
    while left := _left(plane, member, space):
        if time.monotonic() > end:
            raise NotReadyError(
                f"cluster {member}: found {left} on the control plane after {_LIMIT.total_seconds():.0f} s; "
                "expected it gone. Run the same command again."
            )
        time.sleep(_PAUSE)
    for name in (member, impersonator_secret(member)):
        _delete(plane, f"/api/v1/namespaces/{CLUSTER_NAMESPACE}/secrets/{name}")


def note(environment: Environment, member: str) -> None:
    """Writes down that a member is not to be asked any more."""
    files.write(_record(environment, member), "")


def is_noted(environment: Environment, member: str) -> bool:
    """Whether a member was forgotten, and did not join again since."""
    return _record(environment, member).exists()


def recall(environment: Environment, member: str) -> None:
    """Takes a member as any other again."""
    _record(environment, member).unlink(missing_ok=True)


def _record(environment: Environment, member: str) -> Path:
    return files.folder(environment.folder / "forgotten") / member


def _refuse_foreign(cluster: Manifest | None, member: str) -> None:
    labels = (cluster or {}).get("metadata", {}).get("labels") or {}
    if cluster and labels.get(naming.MARK) != naming.PACKAGE:
        raise RefusedError(
            f"cluster {member}: found a Cluster on the control plane that Atoll did not make; expected one of its own. "
            f"Whoever joined it takes it out: karmadactl unjoin {member}"
        )


def _left(plane: Api, member: str, space: Manifest) -> str | None:
    """What is still there. What waits for the member is told that it need not."""
    if plane.get(space):
        for work in plane.items(_WORK, "Work", space["metadata"]["name"]):
            plane.delete(work)
            _release(plane, plane.path(work))
        return f"namespace {space['metadata']['name']}"
    if plane.find(f"{CLUSTERS}/{member}"):
        _release(plane, f"{CLUSTERS}/{member}")
        return "its Cluster"
    return None


def _release(plane: Api, path: str) -> None:
    """Takes an object's finalizers away; one that is gone by now has none."""
    try:
        plane.request("PATCH", path, {"metadata": {"finalizers": None}}, content_type=MERGE)
    except ApiError as error:
        if error.code != _NOT_FOUND:
            raise


def _delete(plane: Api, path: str) -> None:
    try:
        plane.request("DELETE", path)
    except ApiError as error:
        if error.code != _NOT_FOUND:
            raise
