"""The ways in which a cluster can be dead: frozen, gone, unreachable, somebody else, or not to be let into."""

import contextlib
import dataclasses
import http.server
import selectors
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from atoll.core import x509
from atoll.core.x509 import Subject
from atoll.kubernetes import Kubeconfig
from e2e import looking

LOOPBACK = "127.0.0.1"


@contextlib.contextmanager
def frozen(*folders: Path) -> Iterator[None]:
    """The API servers of some local clusters, stopped in their tracks: they take connections and never answer."""
    stopped = [
        process
        for folder in folders
        for process in looking.processes(folder)
        if process.name().startswith("kube-apiserver")
    ]
    assert len(stopped) == len(folders)
    try:
        for process in stopped:
            process.suspend()
        yield
    finally:
        for process in stopped:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


def refusing() -> str:
    """An address at which nobody listens."""
    with socket.create_server((LOOPBACK, 0)) as server:
        return f"https://{LOOPBACK}:{server.getsockname()[1]}"


@contextlib.contextmanager
def hole() -> Iterator[str]:
    """An address that swallows packets: its queue of connections is full, and the kernel drops what comes."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server((LOOPBACK, 0), backlog=0))
        address = server.getsockname()
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(address)
        yield f"https://{LOOPBACK}:{address[1]}"


class _Stranger(http.server.BaseHTTPRequestHandler):
    """Some other program: it answers everything, and well."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>It works!</html>")

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the base class's

    def log_message(self, *_words: object) -> None:
        """Says nothing."""


class _Strange(http.server.ThreadingHTTPServer):
    def handle_error(self, *_request: object) -> None:
        """A client that does not trust it ends the connection: that is the case, and no news."""


@contextlib.contextmanager
def stranger(folder: Path, *, issued: datetime | None = None) -> Iterator[Kubeconfig]:
    """Another program behind TLS; its certificate was issued at some time, and is long over if that was long ago."""
    issuer = x509.authority("authority of strangers", now=issued)
    pair = x509.leaf(issuer, Subject("stranger", hosts=(LOOPBACK,)), now=issued)
    (folder / "pair").write_bytes(pair.certificate + pair.key)
    server = _Strange((LOOPBACK, 0), _Stranger)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "pair")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Kubeconfig(f"https://{LOOPBACK}:{server.server_port}", authority=issuer.certificate)
    finally:
        server.shutdown()
        server.server_close()


def long_ago() -> datetime:
    """When a certificate was issued that is over by now."""
    return datetime.now(UTC) - timedelta(days=365 * 30)


def elsewhere(found: Kubeconfig, server: str, **more: object) -> str:
    """A kubeconfig's text that leads to another address."""
    return dataclasses.replace(found, server=server, **more).text()  # type: ignore[arg-type] # fields of it


class Bridge:
    """Carries connections to an API server, as long as it is open: whoever is behind it can be made to vanish."""

    def __init__(self, port: int) -> None:
        self._target, self._open = (LOOPBACK, port), True
        self._server = socket.create_server((LOOPBACK, 0))
        self._streams: set[socket.socket] = set()
        self.url = f"https://{LOOPBACK}:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Cuts every connection and accepts none."""
        self._open = False
        for stream in list(self._streams):
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)

    def open(self) -> None:
        """Carries again."""
        self._open = True

    def end(self) -> None:
        """Ends for good."""
        self.close()
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                if self._open:
                    threading.Thread(target=self._carry, args=(client,), daemon=True).start()
                else:
                    client.close()

    def _carry(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, socket.create_connection(self._target) as server:
            self._streams |= {client, server}
            other = {client: server, server: client}
            with selectors.DefaultSelector() as selector:
                for stream in other:
                    selector.register(stream, selectors.EVENT_READ)
                while True:
                    for key, _ in selector.select():
                        data = key.fileobj.recv(65536)  # type: ignore[union-attr] # sockets were registered
                        if not data:
                            return
                        other[key.fileobj].sendall(data)  # type: ignore[index] # sockets were registered
