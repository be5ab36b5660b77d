"""What a member would make of a write by Karmada, told by a dry run there.

The plane's proxy takes none ("dryRun is not supported"), so that the member is spoken to directly, by the address and the
token that Karmada has: who asks is who writes, also for a policy that looks at users.
"""

import base64
from functools import cached_property

from atoll.charts import drifting
from atoll.core.errors import UnavailableError, quoted
from atoll.federation import works
from atoll.federation.joining import CLUSTERS
from atoll.kubernetes import Api, ApiError, Kubeconfig
from atoll.kubernetes.client import LOOK_SECONDS, Manifest

_CONNECT_SECONDS = 2.0
_NOT_FOUND, _CONFLICT = 404, 409
_REFUSALS = frozenset({400, 403, 422})
"""Answers that the same write will get again: what does not fit, what admission denies, what is invalid."""
_MANAGER = "karmada-controller-manager"


class Trial:
    """Dry runs in one member."""

    def __init__(self, plane: Api, member: str) -> None:
        self._plane, self._member = plane, member

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

    @cached_property
    def _api(self) -> Api:
        try:
            spec = self._plane.request("GET", f"{CLUSTERS}/{self._member}")["spec"]
            reference = spec["secretRef"]
            path = f"/api/v1/namespaces/{reference['namespace']}/secrets/{reference['name']}"
            data = {
                key: base64.b64decode(value)
                for key, value in self._plane.request("GET", path)["data"].items()
            }
        except (ApiError, KeyError) as error:
            raise UnavailableError(
                f"cluster {self._member}: found no token of Karmada's on the control plane ({error}); expected one"
            ) from error
        known = Kubeconfig(
            spec["apiEndpoint"],
            authority=data.get("caBundle", b""),
            token=data["token"].decode(),
            insecure=bool(spec.get("insecureSkipTLSVerification")),
        )
        return Api(known, connect=_CONNECT_SECONDS, read=LOOK_SECONDS)
