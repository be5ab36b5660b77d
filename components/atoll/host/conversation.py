"""Asking a supervisor through its socket, with a limit to the waiting."""

import contextlib
import http.client
import socket
import xmlrpc.client
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport


@contextlib.contextmanager
def proxy(path: Path, patience: timedelta) -> Iterator[Any]:
    """The supervisor's calls; each may take as long as `patience` says."""
    transport = SupervisorTransport(None, None, f"unix://{path}")
    # Upstream's own connection waits for ever, which a frozen supervisor makes it do.
    transport._get_connection = lambda: _Connection(path, patience)  # noqa: SLF001 - upstream has no other way in
    try:
        yield xmlrpc.client.ServerProxy("http://localhost", transport=transport).supervisor
    finally:
        transport.close()


def tolerant(call: Any, expected: set[int], *arguments: Any) -> None:
    """Calls, taking the expected faults as done already."""
    try:
        call(*arguments)
    except xmlrpc.client.Fault as fault:
        if fault.faultCode not in expected:
            raise


class _Connection(http.client.HTTPConnection):
    """A connection to a Unix socket that ends its waiting."""

    def __init__(self, path: Path, patience: timedelta) -> None:
        super().__init__("localhost", timeout=patience.total_seconds())
        self._path = path

    def connect(self) -> None:
        """Connects to the socket's path."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
