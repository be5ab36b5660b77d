"""What a member would make of a write by Karmada, told by a dry run there.

The plane's proxy takes none ("dryRun is not supported"). That who asks is who writes counts for a policy that looks at users.
"""

from atoll.charts import drifting
from atoll.core.errors import quoted
from atoll.federation import works
from atoll.federation.direct_effects import Ways
from atoll.kubernetes import Api, ApiError
from atoll.kubernetes.client import Manifest

_CONFLICT = 409
_REFUSALS = frozenset({400, 403, 422})
"""Answers that the same write will get again: what does not fit, what admission denies, what is invalid."""
_MANAGER = "karmada-controller-manager"


class Trial:
    """Dry runs in one member."""

    def __init__(self, ways: Ways, member: str) -> None:
        self._ways, self._member = ways, member

    def refusal(self, copy: Manifest, *, overwrite: bool) -> str | None:
        """Why the member will never take an object as it is, or None; that may come yet.

        Raises:
            UnavailableError: the member cannot be reached from here.
        """
        live = self._api.get(copy)
        if live and works.is_foreign(live) and not overwrite:
            return "it is there and not Karmada's, so it was left as it is (conflictResolution: abort)"
        try:
            self._write(copy, live)
        except ApiError as error:
            if error.code in _REFUSALS:
                return f"refused: {quoted(error)}"
        return None

    def drift(self, copy: Manifest, live: Manifest) -> str | None:
        """What somebody changed of an object, or None.

        Raises:
            UnavailableError: the member cannot be reached from here.
        """
        try:
            made = self._write(copy, live)
        except ApiError as error:
            if error.code == _CONFLICT:
                return "it is being changed"
            return f"somebody changed it, and it cannot be put back ({quoted(error)})"
        paths = list(drifting.differences(drifting.plain(made), drifting.plain(live)))
        return f"somebody changed {', '.join(paths)}" if paths else None

    def _write(self, copy: Manifest, live: Manifest | None) -> Manifest:
        query = {"dryRun": "All", "fieldManager": _MANAGER}
        path = self._api.path(copy)
        if live:
            return self._api.request("PUT", path, works.put_back(copy, live), query=query)
        return self._api.request("POST", path.rpartition("/")[0], copy, query=query)

    @property
    def _api(self) -> Api:
        return self._ways.to(self._member)
