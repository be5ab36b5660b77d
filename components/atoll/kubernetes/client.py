"""Requests to one API server over pooled connections: plain JSON in, plain JSON out.

urllib3 rather than a Kubernetes client library: half the start-up time, and the stand-in provider needs
the bare protocol (server-side apply, dry run, field managers) that typed clients hide.
"""

import copy
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import urllib3

from atoll.core import naming
from atoll.core.errors import AtollError, UnavailableError
from atoll.kubernetes import transport
from atoll.kubernetes.kubeconfig import Kubeconfig
from atoll.kubernetes.pace import Pace
from atoll.kubernetes.patience import Attempts, Patience
from atoll.kubernetes.watching import Watches

Manifest = dict[str, Any]
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
_READ_SECONDS = 30.0
"""How long one who can ask again waits for what it reads; a write may wait for webhooks, and for longer."""
LOOK_SECONDS = 5.0
"""How long one who only looks waits for an answer: a frozen server takes requests and never answers them."""
_NAMES = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""What is asked for where the metadata of an object is all that is needed."""
_EVERYTHING = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
"""What discovery of everything in one answer is asked by."""
_NOT_FOUND = 404
_ERRORS_FROM = 400


class ApiError(AtollError):
    """The API server answered with an error: `code` is HTTP's, `reason` is Kubernetes's word for it.

    `retry_after` are the seconds that it asks to be left alone.
    """

    def __init__(self, code: int, status: Manifest, retry_after: float = 0) -> None:
        self.code, self.status, self.retry_after = code, status, retry_after
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

    `connect` and `read` are time limits in seconds; without a pace requests go as they come.
    """

    def __init__(
        self, kubeconfig: Kubeconfig, *, connect: float = 5, read: float = 60, pace: Pace | None = None
    ) -> None:
        self.kubeconfig = kubeconfig
        self._headers = {"accept": "application/json", "user-agent": naming.PACKAGE}
        self._timeout = urllib3.Timeout(connect=connect, read=read)
        self._connections = transport.Connections(kubeconfig, pace)
        self.patience = Patience()
        self.watches = Watches(self)
        self.told: Callable[[str], None] = lambda _text: None
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
        options = {
            "body": None if body is None else json.dumps(body),
            "headers": {**self._headers, "content-type": content_type},
            "timeout": timeout or self._time_limit(method),
        }
        attempts = self.attempts()
        while True:
            try:
                return self._answer(method, url, options)
            except (ApiError, UnreachableError) as error:
                # Only who wrote knows what a lost answer means; what is read can be read again.
                if method != "GET" or not attempts.another(error):
                    raise

    def _time_limit(self, method: str) -> urllib3.Timeout | float:
        """A server that was given up is not given a request's whole time once more."""
        if self.patience.is_over:
            return LOOK_SECONDS
        if method == "GET" and self.patience.limit and self._timeout.read_timeout:
            read = min(_READ_SECONDS, float(self._timeout.read_timeout))
            return urllib3.Timeout(connect=self._timeout.connect_timeout, read=read)
        return self._timeout

    def _answer(self, method: str, url: str, options: dict[str, Any]) -> Manifest:
        answer = self._send(method, url, **options)
        for text in transport.warnings(answer.headers):
            self.told(text)
        value = transport.decoded(answer.data)
        if answer.status >= _ERRORS_FROM:
            raise ApiError(answer.status, value, transport.seconds(answer.headers.get("retry-after")))
        return value

    def patiently(self, limit: float, cancelled: threading.Event | None = None) -> "Api":
        """The same server, asked again for so many seconds while it does not answer or says that it cannot now."""
        patient = copy.copy(self)
        patient.patience = replace(self.patience, limit=limit, cancelled=cancelled or self.patience.cancelled)
        return patient

    def telling(self, told: Callable[[str], None]) -> "Api":
        """The same server, whose warnings (a deprecated API version) are told."""
        telling = copy.copy(self)
        telling.told = told
        return telling

    def in_brief(self) -> "Api":
        """The same server, which answers with the metadata of objects alone."""
        brief = copy.copy(self)
        brief._headers = {**self._headers, "accept": f"{_NAMES}, application/json"}  # noqa: SLF001 - another of this class
        return brief

    def attempts(self) -> Attempts:
        """The tries of a request that its sender repeats."""
        return Attempts(self.patience)

    def watch(self, path: str, *, seconds: int) -> Iterator[Manifest]:
        """The metadata of what is at a path, and of what is made, changed or deleted there for so many seconds.

        Raises:
            ApiError: the server refused it, at once or later.
            UnreachableError: no answer came, or it broke off.
        """
        query = urlencode({"watch": "true", "resourceVersion": "0", "timeoutSeconds": seconds})
        answer = self._send(
            "GET",
            f"{self.kubeconfig.server}{path}?{query}",
            stream=True,
            headers={**self._headers, "accept": _NAMES},
            timeout=urllib3.Timeout(connect=self._timeout.connect_timeout, read=seconds + LOOK_SECONDS),
        )
        if answer.status >= _ERRORS_FROM:
            raise ApiError(answer.status, transport.decoded(answer.data))
        return self._events(answer)

    def _events(self, answer: urllib3.BaseHTTPResponse) -> Iterator[Manifest]:
        rest = b""
        try:
            for chunk in answer.stream():
                *lines, rest = (rest + chunk).split(b"\n")
                for event in map(transport.decoded, lines):
                    found = event.get("object") or {}
                    if event.get("type") == "ERROR":
                        raise ApiError(int(found.get("code") or 0), found)
                    yield found.get("metadata") or {}
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        finally:
            answer.close()

    def probe(self, *, timeout: float) -> None:
        """Asks once whether a server is there; whatever it answers, it is.

        Raises:
            UnreachableError: nothing answered within the time limit (seconds).
        """
        url = f"{self.kubeconfig.server}/version"
        self._send("GET", url, headers=self._headers, timeout=timeout, retries=False)

    def close(self) -> None:
        """Closes the connections that are idle; a later request opens new ones."""
        self._connections.close()

    def _send(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
        begun = time.monotonic()
        try:
            answer = self._connections.send(method, url, **options)
        except urllib3.exceptions.HTTPError as error:
            self.patience.silence.unheard(begun)
            raise self._unreachable(error) from error
        self.patience.silence.heard()
        return answer

    def _unreachable(self, error: urllib3.exceptions.HTTPError) -> UnreachableError:
        return UnreachableError(
            f"{self.kubeconfig.server}: found no answer ({transport.why(error)}); expected a Kubernetes API server. "
            "Check that it runs and can be reached from here."
        )

    def resource(self, api_version: str, kind: str) -> ResourceType | None:
        """What the server calls a kind, or None where it does not serve it (a CRD may come later)."""
        with self._lock:
            known = self._discovered.get(api_version, {}).get(kind)
        if known:
            return known
        listing = self.find(_group_path(api_version))
        if listing is None:
            return None
        found = {
            entry["kind"]: ResourceType(entry["name"], entry["namespaced"])
            for entry in listing.get("resources", [])
            if "/" not in entry["name"]
        }
        with self._lock:
            self._discovered[api_version] = found
        return found.get(kind)

    def served(self) -> list[str]:
        """Every API that the server has: `group/version`, and `group/version/Kind` for each kind.

        Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery
        """
        found: list[str] = []
        for path in ("/api", "/apis"):
            headers = {**self._headers, "accept": _EVERYTHING}
            options = {"body": None, "headers": headers, "timeout": self._time_limit("GET")}
            listing = self._answer("GET", f"{self.kubeconfig.server}{path}", options)
            for group in listing.get("items") or []:
                name = (group.get("metadata") or {}).get("name")
                for each in group.get("versions") or []:
                    version = f"{name}/{each['version']}" if name else each["version"]
                    kinds = {entry["responseKind"]["kind"] for entry in each.get("resources") or []}
                    found += [version, *(f"{version}/{kind}" for kind in sorted(kinds))]
        return found

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

    def find(self, path: str, timeout: float | None = None) -> Manifest | None:
        """What is at a path, or None; raises what `request` does."""
        try:
            return self.request("GET", path, timeout=timeout)
        except ApiError as error:
            if error.code == _NOT_FOUND:
                return None
            raise

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
                found = self.request("GET", "/api/v1/namespaces/kube-system").get("metadata")
                if not isinstance(found, dict):
                    raise UnreachableError(
                        f"{self.kubeconfig.server}: found an answer of something else; "
                        "expected a Kubernetes API server. Check the address."
                    )
                return str(found["uid"])
            except ApiError as error:
                # A server that came up this second makes the namespace a moment later.
                if error.code != _NOT_FOUND or time.monotonic() > end:
                    raise
                time.sleep(0.1)


def _group_path(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
