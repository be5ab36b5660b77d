"""Requests to one API server over pooled connections: plain JSON in, plain JSON out.

urllib3 rather than a Kubernetes client library: half the start-up time, and the stand-in provider needs
the bare protocol (server-side apply, dry run, field managers) that typed clients hide.
"""

import json
import logging
import ssl
import tempfile
import threading
import time
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import urllib3

from atoll.core import naming
from atoll.core.errors import AtollError, UnavailableError
from atoll.kubernetes.kubeconfig import Kubeconfig

Manifest = dict[str, Any]
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
LOOK_SECONDS = 5.0
"""How long one who only looks waits for an answer: a frozen server takes requests and never answers them."""
_CONNECTIONS = 32
_NOT_FOUND = 404
_ERRORS_FROM = 400

# It warns of each second try; whoever asked is told once, by the error.
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)


class ApiError(AtollError):
    """The API server answered with an error: `code` is HTTP's, `reason` is Kubernetes's word for it."""

    def __init__(self, code: int, status: Manifest) -> None:
        self.code, self.status = code, status
        self.reason: str = status.get("reason") or ""
        self.retry = code == 429 or code >= 500  # noqa: PLR2004 - HTTP's own numbers
        super().__init__(status.get("message") or f"HTTP {code}")


class UnreachableError(UnavailableError):
    """No API server answers at the address."""


class ResourceType(NamedTuple):
    """What discovery tells of a kind: its plural name, and whether its objects live in namespaces."""

    plural: str
    namespaced: bool


class Api:
    """One API server. Safe to share between threads.

    `connect` and `read` are time limits in seconds.
    """

    def __init__(self, kubeconfig: Kubeconfig, *, connect: float = 5, read: float = 60) -> None:
        self.kubeconfig = kubeconfig
        self._headers = {"accept": "application/json", "user-agent": naming.PACKAGE}
        if kubeconfig.token:
            self._headers["authorization"] = f"Bearer {kubeconfig.token}"
        self._timeout = urllib3.Timeout(connect=connect, read=read)
        self._pool = urllib3.PoolManager(
            maxsize=_CONNECTIONS,
            block=True,
            ssl_context=_tls(kubeconfig),
            assert_hostname=False if kubeconfig.insecure else None,
            # A request that never reached the server may be sent again, whatever its verb.
            retries=urllib3.Retry(connect=2, read=0, redirect=0, status=0, other=0, backoff_factor=0.1),
        )
        self._discovered: dict[str, dict[str, ResourceType]] = {}
        self._lock = threading.Lock()

    def request(  # noqa: PLR0913 - the parts of an HTTP request
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        query: dict[str, str] | None = None,
        timeout: float | None = None,
    ) -> Manifest:
        """Sends one request and returns the answer's JSON (`{"text": ...}` where it is none).

        Raises:
            ApiError: the server answered with an error.
            UnreachableError: no answer came.
        """
        url = f"{self.kubeconfig.server}{path}" + (f"?{urlencode(query)}" if query else "")
        answer = self._send(
            method,
            url,
            body=None if body is None else json.dumps(body),
            headers={**self._headers, "content-type": content_type},
            timeout=self._timeout if timeout is None else timeout,
        )
        value = _json(answer.data)
        if answer.status >= _ERRORS_FROM:
            raise ApiError(answer.status, value)
        return value

    def probe(self, *, timeout: float) -> None:
        """Asks once whether a server is there; whatever it answers, it is.

        Raises:
            UnreachableError: nothing answered within the time limit (seconds).
        """
        url = f"{self.kubeconfig.server}/version"
        self._send("GET", url, headers=self._headers, timeout=timeout, retries=False)

    def _send(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool.request(method, url, **options)
        except urllib3.exceptions.HTTPError as error:
            raise UnreachableError(
                f"{self.kubeconfig.server}: found no answer ({_why(error)}); expected a Kubernetes API server. "
                "Check that it runs and can be reached from here."
            ) from error

    def resource(self, api_version: str, kind: str) -> ResourceType | None:
        """What the server calls a kind, or None where it does not serve it (a CRD may come later)."""
        with self._lock:
            known = self._discovered.get(api_version, {}).get(kind)
        if known:
            return known
        try:
            listing = self.request("GET", _group_path(api_version))
        except ApiError as error:
            if error.code == _NOT_FOUND:
                return None
            raise
        found = {
            entry["kind"]: ResourceType(entry["name"], entry["namespaced"])
            for entry in listing.get("resources", [])
            if "/" not in entry["name"]
        }
        with self._lock:
            self._discovered[api_version] = found
        return found.get(kind)

    def collection(self, api_version: str, kind: str, namespace: str | None = None) -> str:
        """The path of a kind's objects, in one namespace or in all.

        Raises:
            ApiError: the server does not serve the kind (code 404, reason NoMatch).
        """
        found = self.resource(api_version, kind)
        if found is None:
            message = f'no matches for kind "{kind}" in version "{api_version}"'
            raise ApiError(_NOT_FOUND, {"message": message, "reason": "NoMatch"})
        within = f"/namespaces/{quote(namespace)}" if namespace and found.namespaced else ""
        return f"{_group_path(api_version)}{within}/{found.plural}"

    def path(self, manifest: Manifest) -> str:
        """The path of the object that a manifest names; the kubeconfig's namespace where it names none."""
        metadata = manifest["metadata"]
        namespace = metadata.get("namespace") or self.kubeconfig.namespace
        return f"{self.collection(manifest['apiVersion'], manifest['kind'], namespace)}/{quote(metadata['name'])}"

    def get(self, manifest: Manifest) -> Manifest | None:
        """The live object that a manifest names, or None."""
        try:
            return self.request("GET", self.path(manifest))
        except ApiError as error:
            if error.code == _NOT_FOUND:
                return None
            raise

    def apply(
        self,
        manifest: Manifest,
        *,
        manager: str = naming.FIELD_MANAGER,
        force: bool = False,
        dry_run: bool = False,
    ) -> Manifest:
        """Server-side apply; returns the object as it is then.

        Source: https://kubernetes.io/docs/reference/using-api/server-side-apply
        """
        query = {"fieldManager": manager, "force": str(force).lower(), "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        return self.request("PATCH", self.path(manifest), manifest, content_type=APPLY, query=query)

    def delete(self, manifest: Manifest, *, propagation: str = "Background") -> bool:
        """Asks for an object's deletion; returns whether there was one."""
        try:
            self.request("DELETE", self.path(manifest), {"propagationPolicy": propagation})
        except ApiError as error:
            if error.code == _NOT_FOUND:
                return False
            raise
        return True

    def items(
        self, api_version: str, kind: str, namespace: str | None = None, **query: str
    ) -> list[Manifest]:
        """All objects of a kind, in one namespace or in all; `query` takes labelSelector and fieldSelector."""
        listing = self.request("GET", self.collection(api_version, kind, namespace), query=query or None)
        return [{"apiVersion": api_version, "kind": kind, **entry} for entry in listing.get("items") or []]

    def healthy(self, *, timeout: float = 2) -> bool:
        """Whether the server says that it is ready, asked once."""
        try:
            self.request("GET", "/readyz", timeout=timeout)
        except (ApiError, UnreachableError):
            return False
        return True

    def identifier(self) -> str:
        """What tells this cluster from every other: the UID of its kube-system namespace."""
        end = time.monotonic() + 10
        while True:
            try:
                return str(self.request("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"])
            except ApiError as error:
                # A server that came up this second makes the namespace a moment later.
                if error.code != _NOT_FOUND or time.monotonic() > end:
                    raise
                time.sleep(0.1)


def _group_path(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _json(data: bytes) -> Manifest:
    try:
        value = json.loads(data)
    except ValueError:
        return {"text": data.decode(errors="replace"), "message": data.decode(errors="replace")[:500]}
    return value if isinstance(value, dict) else {"text": str(value)}


def _why(error: urllib3.exceptions.HTTPError) -> str:
    """The innermost reason of a failed connection, one line: urllib3 wraps it in the names of its objects."""
    reason = getattr(error, "reason", None) or error
    wrapped = [each for each in reason.args if isinstance(each, Exception)]
    return str(wrapped[-1] if wrapped else reason.__cause__ or reason).splitlines()[0]


def _tls(kubeconfig: Kubeconfig) -> ssl.SSLContext:
    context = ssl.create_default_context(
        cadata=kubeconfig.authority.decode() if kubeconfig.authority else None
    )
    if kubeconfig.insecure:
        # Whoever wrote the kubeconfig decided this; a warning at each request would tell nobody anything.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if kubeconfig.certificate:
        # ssl reads a certificate chain from a file only; this one is ours alone and gone at once.
        with tempfile.NamedTemporaryFile() as file:
            file.write(kubeconfig.certificate.rstrip() + b"\n" + kubeconfig.key)
            file.flush()
            context.load_cert_chain(file.name)
    return context
