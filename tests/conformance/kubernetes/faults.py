"""A proxy in front of an API server that fails where a test wants it to."""

import contextlib
import dataclasses
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import urllib3

from atoll.kubernetes import Kubeconfig

WATCH = "WATCH"
"""What a fault calls the method of a watch."""


@dataclass
class Fault:
    """Which requests fail and how: `times` of those that fit, the first `skip` left out.

    A fault of `code` answers with that HTTP status, one without a code cuts the connection; `delivered` says
    whether the API server gets the request all the same. `delay` (seconds) goes before, and is all there is where
    `slow` says so. `event` is all that a watch tells before it is cut.
    """

    method: str
    path: str
    code: int | None = None
    delivered: bool = True
    dry_run: bool = False
    skip: int = 0
    times: int = 1000
    delay: float = 0
    slow: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    event: dict[str, Any] | None = None

    def takes(self, method, target):
        fits = method == self.method and self.path in target and ("dryRun" in target) == self.dry_run
        self.skip -= fits
        self.times -= fits and self.skip < 0
        return fits and self.skip < 0 <= self.times


class Proxy:
    """Serves plain HTTP on loopback and speaks to the API server as its kubeconfig's user."""

    def __init__(self, api):
        self.faults: list[Fault] = []
        self.hit: list[str] = []
        self.asked: list[str] = []
        self._api, self._lock = api, threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        server = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.kubeconfig = Kubeconfig(server=server, name="proxy").text()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @contextlib.contextmanager
    def failing(self, *faults):
        """Lets the faults happen, and checks that they did."""
        self.faults, self.hit = [dataclasses.replace(fault) for fault in faults], []
        yield
        assert self.hit
        self.faults = []

    def fault(self, method, target):
        with self._lock:
            self.asked.append(f"{method} {target}")
            found = next((fault for fault in self.faults if fault.takes(method, target)), None)
            if found:
                self.hit.append(f"{method} {target}")
            return found

    def forward(self, method, target, body, headers, *, whole=True):
        kept = {name: headers[name] for name in ("content-type", "accept") if name in headers}
        url = f"{self._api.kubeconfig.server}{target}"
        time_limit = urllib3.Timeout(connect=5, read=30 if whole else 100)
        return self._api._connections.send(
            method, url, stream=not whole, body=body, headers=kept, timeout=time_limit, retries=False
        )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    proxy: Proxy

    def handle_error(self, request, client_address):
        """A client that leaves is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _any(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0)) or None
        watches = "watch=true" in self.path
        fault = self.server.proxy.fault(WATCH if watches else self.command, self.path)
        if fault is not None:
            time.sleep(fault.delay)
        if fault is None or fault.slow:
            self._pass(body, watches=watches)
        else:
            self._fail(fault, body, watches=watches)

    do_GET = do_PATCH = do_POST = do_PUT = do_DELETE = _any  # noqa: N815 - the base class's names

    def _pass(self, body, *, watches):
        try:
            answer = self.server.proxy.forward(self.command, self.path, body, self.headers, whole=not watches)
            if watches and answer.status == 200:
                self._stream(answer.stream())
            else:
                self._send(answer.status, answer.data)
        except urllib3.exceptions.HTTPError:
            # The server behind is away: so is this one.
            self.close_connection = True

    def _fail(self, fault, body, *, watches):
        if fault.delivered and not watches:
            self.server.proxy.forward(self.command, self.path, body, self.headers)
        if fault.event is not None:
            self._stream([json.dumps(fault.event).encode() + b"\n"] if fault.event else [])
        elif fault.code:
            text = b'{"kind": "Status", "status": "Failure", "message": "made to fail"}'
            self._send(fault.code, text, fault.headers)
        else:
            self.close_connection = True

    def _send(self, status, data, headers=None):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, chunks):
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        """Nothing is logged."""
