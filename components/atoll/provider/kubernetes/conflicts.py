"""Field conflicts of server-side apply: who owns what, and what is ours to take over. Pure.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts
"""

import re
from collections.abc import Collection
from typing import Any, NamedTuple

from atoll.core.errors import RefusedError
from atoll.kubernetes import identities
from atoll.provider.kubernetes import annotations
from atoll.provider.kubernetes.manifests import Manifest

_REASON = "FieldManagerConflict"
_MANAGER = re.compile(r'conflict with "((?:[^"\\]|\\.)*)"')
_KUBECTL = "kubectl"
_FORMER = frozenset({"before-first-apply", "pulumi-kubernetes", "pulumi-resource-kubernetes"})
"""With kubectl's own (`kubectl-edit` and so on), the managers that an update of the official plugin takes over from."""


class Conflict(NamedTuple):
    """A field and the manager that owns it."""

    field: str
    manager: str


def read(status: dict[str, Any]) -> list[Conflict]:
    """The conflicts that an answer 409 lists; none where it is about something else."""
    causes = (status.get("details") or {}).get("causes") or []
    found = []
    for cause in causes:
        match = _MANAGER.search(cause.get("message", ""))
        if cause.get("reason") == _REASON and match:
            found.append(Conflict(cause.get("field", "?"), match[1]))
    return found


def may_be_taken(found: Collection[Conflict], former: str) -> bool:
    """Whether an update may take all these fields: `former` is the resource's own manager of before."""
    return all(
        conflict.manager in _FORMER or conflict.manager == former or conflict.manager.startswith(_KUBECTL)
        for conflict in found
    )


def refusal(manifest: Manifest, found: Collection[Conflict], error: Exception) -> RefusedError:
    """The one line that says who owns the fields."""
    label = identities.label(manifest)
    if not found:
        return RefusedError(
            f"{label}: found another object, or none, in its place ({error}); expected the one of the state. "
            "Run: pulumi refresh"
        )
    owners = "; ".join(f'{conflict.field} is owned by "{conflict.manager}"' for conflict in found)
    return RefusedError(
        f"{label}: found a field conflict of server-side apply: {owners}; expected fields that are free or ours. "
        f'Leave them out, or set the annotation {annotations.PATCH_FORCE}: "true" to take them over.'
    )
