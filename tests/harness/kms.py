"""A real KMS endpoint (moto's, a process of its own), and a way to it that can be made to fail."""

import contextlib
import dataclasses
import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_START_SECONDS = 30
WRITES = frozenset(
    {
        "CancelKeyDeletion",
        "CreateAlias",
        "CreateGrant",
        "CreateKey",
        "DeleteAlias",
        "DisableKey",
        "DisableKeyRotation",
        "EnableKey",
        "EnableKeyRotation",
        "PutKeyPolicy",
        "RevokeGrant",
        "ScheduleKeyDeletion",
        "TagResource",
        "UntagResource",
        "UpdateAlias",
        "UpdateKeyDescription",
    }
)
"""The actions that change something."""


@contextlib.contextmanager
def served(*more: str) -> Iterator[int]:
    """A moto server, with `more` words of its command; yields its port. It keeps its keys while it runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port), *more]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + _START_SECONDS
        while not _listens(port):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Fault:
    """Which actions fail and how: `times` of those that fit, the first `skip` left out; no name means all writes.

    A fault of `code` answers with that error, one without cuts the connection; `delivered` says whether the KMS gets
    the request all the same. `delay` (seconds) goes before, and is all there is where `slow` says so; `then` is called
    after the delivery.
    """

    action: str = ""
    code: str | None = None
    message: str = "made to fail"
    delivered: bool = False
    skip: int = 0
    times: int = 1000
    delay: float = 0
    slow: bool = False
    then: Callable[[], None] | None = None

    def takes(self, action: str) -> bool:
        """Whether this request is to fail."""
        fits = action == self.action or (not self.action and action in WRITES)
        self.skip -= fits
        self.times -= fits and self.skip < 0
        return fits and self.skip < 0 <= self.times


ANY = "*"


class Proxy:
    """Serves plain HTTP on loopback in front of a KMS, and adds what moto leaves out."""

    def __init__(self, port: int) -> None:
        self.faults: list[Fault] = []
        self.asked: list[str] = []
        self.hit: list[str] = []
        self._behind, self._lock = port, threading.Lock()
        self.days: dict[str, int] = {}
        """Of each key's rotation, which moto takes and does not tell."""
        self.gone: set[str] = set()
        """Keys that are deleted for good, which moto never does."""
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        """Serves no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @contextlib.contextmanager
    def failing(self, *faults: Fault) -> Iterator[None]:
        """Lets the faults happen, and checks that they did."""
        self.hit = []
        self.faults = [dataclasses.replace(fault) for fault in faults]
        try:
            yield
        finally:
            self.faults = []
        assert self.hit

    @property
    def writes(self) -> list[str]:
        """The actions that changed something, as they came."""
        return [action for action in self.asked if action in WRITES]

    def fault(self, action: str) -> Fault | None:
        """The fault that a request meets."""
        with self._lock:
            self.asked.append(action)
            found = next((fault for fault in self.faults if fault.action == ANY or fault.takes(action)), None)
            if found:
                self.hit.append(action)
            return found

    def forward(self, body: bytes, headers: Any) -> tuple[int, bytes]:
        """What the KMS answers; it knows nothing of keys that are `gone`."""
        connection = http.client.HTTPConnection("127.0.0.1", self._behind, timeout=30)
        try:
            kept = {name: headers[name] for name in ("content-type", "x-amz-target", "authorization")}
            connection.request("POST", "/", body, kept)
            answer = connection.getresponse()
            if json.loads(body or b"{}").get("KeyId") in self.gone:
                return 400, b'{"__type": "NotFoundException", "message": "gone"}'
            return answer.status, self._told(_action(headers), body, answer.read())
        finally:
            connection.close()

    def _told(self, action: str, body: bytes, answer: bytes) -> bytes:
        asked = json.loads(body or b"{}")
        if action == "EnableKeyRotation":
            self.days[asked["KeyId"]] = asked.get("RotationPeriodInDays", 365)
        if action == "ListKeys":
            told = json.loads(answer)
            return json.dumps(
                {**told, "Keys": [each for each in told["Keys"] if each["KeyId"] not in self.gone]}
            ).encode()
        if action == "GetKeyRotationStatus":
            told = json.loads(answer)
            days = self.days.get(asked["KeyId"])
            if told.get("KeyRotationEnabled") and days:
                return json.dumps({**told, "RotationPeriodInDays": days}).encode()
        return answer


def _action(headers: Any) -> str:
    return str(headers["x-amz-target"]).rpartition(".")[2]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    proxy: Proxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        """Whoever asks whether anybody is here waits as long as for anything else."""
        fault = self.server.proxy.fault("GET")
        if fault is not None:
            time.sleep(fault.delay)
        self._send(404, b"{}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        fault = self.server.proxy.fault(_action(self.headers))
        if fault is not None:
            time.sleep(fault.delay)
        if fault is None or fault.slow:
            self._send(*self.server.proxy.forward(body, self.headers))
        else:
            self._fail(fault, body)

    def _fail(self, fault: Fault, body: bytes) -> None:
        if fault.delivered:
            self.server.proxy.forward(body, self.headers)
        if fault.then:
            fault.then()
        if fault.code:
            self._send(400, json.dumps({"__type": fault.code, "message": fault.message}).encode())
        else:
            self.close_connection = True

    def _send(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/x-amz-json-1.1")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""
