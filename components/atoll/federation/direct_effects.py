"""Members spoken to directly, by the address and the token that Karmada has: who asks is who writes there.

The plane's proxy makes a connection of its own for each request, with its handshake, and asks who may: three times the work
of a request that goes straight to the member. It is the way where there is no other.
"""

import base64
import threading

from atoll.core.errors import UnavailableError
from atoll.federation.joining import CLUSTERS
from atoll.kubernetes import Api, ApiError, Kubeconfig
from atoll.kubernetes.client import LOOK_SECONDS, Manifest

_CONNECT_SECONDS = 2.0


class Ways:
    """The direct ways to the members of a plane, found out once. Safe to share between threads."""

    def __init__(self, plane: Api) -> None:
        self._plane, self._lock = plane, threading.Lock()
        self._found: dict[str, Api] | None = None

    def to(self, member: str) -> Api:
        """A member, as Karmada itself speaks to it.

        Raises:
            UnavailableError: the plane has no way to it, or lets nobody know.
        """
        with self._lock:
            if self._found is None:
                # Once, whatever comes of it: all who ask wait here.
                self._found = {}
                self._found = self._all()
        if member not in self._found:
            # It joined since.
            self._found[member] = self._one(member)
        return self._found[member]

    def _all(self) -> dict[str, Api]:
        """Those of all members, in two requests."""
        try:
            clusters = self._get(CLUSTERS).get("items") or []
            spaces = {space for each in clusters if (space := _secret(each)[0])}
            secrets = {
                (space, each["metadata"]["name"]): each
                for space in spaces
                for each in self._get(f"/api/v1/namespaces/{space}/secrets").get("items") or []
            }
        except ApiError:
            # Whoever may not list may still ask for one.
            return {}
        ways = {each["metadata"]["name"]: _way(each, secrets.get(_secret(each), {})) for each in clusters}
        return {name: way for name, way in ways.items() if way}

    def _one(self, member: str) -> Api:
        try:
            cluster = self._get(f"{CLUSTERS}/{member}")
            space, name = _secret(cluster)
            secret = self._get(f"/api/v1/namespaces/{space}/secrets/{name}")
        except ApiError as error:
            raise UnavailableError(
                f"cluster {member}: found no token of Karmada's on the control plane ({error}); expected one"
            ) from error
        if way := _way(cluster, secret):
            return way
        raise UnavailableError(
            f"cluster {member}: found no token, or a proxy before it; expected a direct way"
        )

    def _get(self, path: str) -> Manifest:
        return self._plane.request("GET", path, timeout=LOOK_SECONDS)


def _secret(cluster: Manifest) -> tuple[str, str]:
    """Where the token of a member is: the namespace and the name of the secret."""
    reference: Manifest = cluster["spec"].get("secretRef") or {}
    return reference.get("namespace", ""), reference.get("name", "")


def _way(cluster: Manifest, secret: Manifest) -> Api | None:
    """None where Karmada has no token for it, or goes by a proxy: whoever asked without would be somebody else."""
    spec, data = cluster["spec"], {k: base64.b64decode(v) for k, v in (secret.get("data") or {}).items()}
    if spec.get("proxyURL") or not (spec.get("apiEndpoint") and data.get("token")):
        return None
    known = Kubeconfig(
        spec["apiEndpoint"],
        authority=data.get("caBundle", b""),
        token=data["token"].decode(),
        insecure=bool(spec.get("insecureSkipTLSVerification")),
    )
    return Api(known, connect=_CONNECT_SECONDS, read=LOOK_SECONDS)
