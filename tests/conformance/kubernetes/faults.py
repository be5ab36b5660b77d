"""A proxy in front of an API server that fails where a test wants it to."""

import contextlib
import dataclasses
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import urllib3

from atoll.kubernetes import Kubeconfig


@dataclass
class Fault:
    """Which requests fail and how: `times` of those that fit, the first `skip` left out.

    A fault of `code` answers with that HTTP status, one without a code cuts the connection; `delivered` says
    whether the API server gets the request all the same.
    """

    method: str
    path: str
    code: int | None = None
    delivered: bool = True
    dry_run: bool = False
    skip: int = 0
    times: int = 1000

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
        self._api, self._lock = api, threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
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
            found = next((fault for fault in self.faults if fault.takes(method, target)), None)
            if found:
                self.hit.append(f"{method} {target}")
            return found

    def forward(self, method, target, body, headers):
        kept = {name: headers[name] for name in ("content-type", "accept") if name in headers}
        url = f"{self._api.kubeconfig.server}{target}"
        return self._api._pool.request(method, url, body=body, headers=kept, timeout=urllib3.Timeout(30))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that leaves is no news."""


def _handler(proxy):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0)) or None
            fault = proxy.fault(self.command, self.path)
            if fault is None or fault.delivered:
                answer = proxy.forward(self.command, self.path, body, self.headers)
            if fault is None:
                self._send(answer.status, answer.data)
            elif fault.code:
                self._send(fault.code, b'{"kind": "Status", "status": "Failure", "message": "made to fail"}')
            else:
                self.close_connection = True

        do_GET = do_PATCH = do_POST = do_PUT = do_DELETE = _any  # noqa: N815 - the base class's names

        def _send(self, status, data):
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            """Nothing is logged."""

    return Handler
