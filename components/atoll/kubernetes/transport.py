"""What lies below a request: connections, trust, and answers as they come. HTTP and TLS alone, nothing of Kubernetes."""

import functools
import json
import logging
import re
import ssl
import tempfile
import threading
from typing import Any, NamedTuple

import urllib3

from atoll.kubernetes.credentials import Credentials, Source
from atoll.kubernetes.kubeconfig import Kubeconfig
from atoll.kubernetes.pace import Pace

_CONNECTIONS = 32
_IDENTITIES = 128
"""How many ways to servers are kept open; those that were used last."""
_UNAUTHORIZED = 401
_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"(?: ".*")?')

# It warns of each second try; whoever asked is told once, by the error.
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)


def decoded(data: bytes) -> dict[str, Any]:
    """An answer's JSON, `{"text": ..., "message": ...}` where it is none."""
    try:
        value = json.loads(data)
    except ValueError:
        return {"text": data.decode(errors="replace"), "message": data.decode(errors="replace")[:500]}
    return value if isinstance(value, dict) else {"text": str(value)}


def seconds(retry_after: str | None) -> float:
    """What a server asks for in its Retry-After; Kubernetes writes whole seconds there, never a date."""
    return float(retry_after) if retry_after and retry_after.isdecimal() else 0


def warnings(headers: urllib3.HTTPHeaderDict) -> list[str]:
    """What a server says beside its answer.

    Source: https://kubernetes.io/blog/2020/09/03/warnings (`299 - "text"`, as RFC 7234 has it).
    """
    found = (_WARNING.fullmatch(text) for text in headers.getlist("warning"))
    return [re.sub(r"\\(.)", r"\1", match[1]) for match in found if match]


def why(error: urllib3.exceptions.HTTPError) -> str:
    """The innermost reason of a failed connection, one line: urllib3 wraps it in the names of its objects."""
    reason = getattr(error, "reason", None) or error
    wrapped = [each for each in reason.args if isinstance(each, Exception)]
    return str(wrapped[-1] if wrapped else reason.__cause__ or reason).splitlines()[0]


class _Pools(NamedTuple):
    """Connections that prove the same identity; streams apart, since a watch holds its own for as long as it lives."""

    requests: urllib3.PoolManager
    streams: urllib3.PoolManager

    @classmethod
    @functools.lru_cache(maxsize=_IDENTITIES)
    def open(cls, way: "_Way") -> "_Pools":
        """Those of everybody in this process who comes by the same way: a handshake costs more than what it is for."""
        trust = _trust(way)
        return cls(_pool(way, trust, block=True), _pool(way, trust, block=False))


class _Way(NamedTuple):
    """What connections are told apart by: the server, whom to believe, and what to prove oneself with."""

    server: str
    authority: bytes
    insecure: bool
    certificate: bytes
    key: bytes

    @classmethod
    def of(cls, kubeconfig: Kubeconfig, used: Credentials) -> "_Way":
        trusted = (kubeconfig.server, kubeconfig.authority, kubeconfig.insecure)
        return cls(*trusted, used.certificate, used.key)


class Connections:
    """The connections to one server, and as whom they are used. Safe to share between threads.

    Without a pace requests go as they come.
    """

    def __init__(self, kubeconfig: Kubeconfig, pace: Pace | None = None) -> None:
        self._kubeconfig, self._pace = kubeconfig, pace
        self._source = Source(kubeconfig.plugin) if kubeconfig.plugin else None
        self._used = Credentials(kubeconfig.token, kubeconfig.certificate, kubeconfig.key)
        self._pools = _Pools.open(_Way.of(kubeconfig, self._used))
        self._lock = threading.Lock()

    def send(
        self, method: str, url: str, *, stream: bool = False, **options: Any
    ) -> urllib3.BaseHTTPResponse:
        """Sends a request; what a plugin's credentials no longer open is asked once more with new ones.

        Raises:
            urllib3.exceptions.HTTPError: no answer came.
        """
        used = self._credentials()
        answer = self._exchange(method, url, used, stream=stream, **options)
        if answer.status == _UNAUTHORIZED and self._source is not None:
            answer.drain_conn()
            self._source.refused(used)
            answer = self._exchange(method, url, self._credentials(), stream=stream, **options)
        return answer

    def close(self) -> None:
        """Closes the connections that are idle."""
        for pool in self._pools:
            pool.clear()

    def _credentials(self) -> Credentials:
        """Who we are now; another certificate needs connections of its own."""
        if self._source is None:
            return self._used
        now = self._source.current()
        with self._lock:
            if (now.certificate, now.key) != (self._used.certificate, self._used.key):
                self._pools = _Pools.open(_Way.of(self._kubeconfig, now))
            self._used = now
        return now

    def _exchange(
        self,
        method: str,
        url: str,
        used: Credentials,
        *,
        stream: bool,
        headers: dict[str, str],
        **options: Any,
    ) -> urllib3.BaseHTTPResponse:
        if self._pace is not None:
            self._pace.wait()
        if used.token:
            headers = {**headers, "authorization": f"Bearer {used.token}"}
        pool = self._pools.streams if stream else self._pools.requests
        return pool.request(method, url, headers=headers, preload_content=not stream, **options)


def _pool(way: _Way, trust: ssl.SSLContext, *, block: bool) -> urllib3.PoolManager:
    """Pooled connections to one server; `block` says whether who finds all in use waits for one."""
    return urllib3.PoolManager(
        maxsize=_CONNECTIONS,
        block=block,
        ssl_context=trust,
        assert_hostname=False if way.insecure else None,
        # A request that never reached the server may be sent again, whatever its verb. What the server asks for in
        # Retry-After is for `patience` to heed: urllib3 would call such an answer none.
        retries=urllib3.Retry(
            connect=2,
            read=0,
            redirect=0,
            status=0,
            other=0,
            backoff_factor=0.1,
            respect_retry_after_header=False,
        ),
    )


def _trust(way: _Way) -> ssl.SSLContext:
    """Whom to believe, and what to prove oneself with."""
    context = ssl.create_default_context(cadata=way.authority.decode() if way.authority else None)
    if way.insecure:
        # Whoever wrote the kubeconfig decided this; a warning at each request would tell nobody anything.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if way.certificate:
        # ssl reads a certificate chain from a file only; this one is ours alone and gone at once.
        with tempfile.NamedTemporaryFile() as file:
            file.write(way.certificate.rstrip() + b"\n" + way.key)
            file.flush()
            context.load_cert_chain(file.name)
    return context
