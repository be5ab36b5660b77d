"""The engine as a plugin sees it: where log lines and progress go."""

import threading
from typing import Any

import grpc

from atoll.core import redaction
from atoll.provider import protocol

_PATIENCE = 5.0
"""Seconds that a log line may take; the engine answers at once or is gone."""


class Engine:
    """Says things to whoever watches the engine. Silent until it knows the engine's address."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()
        self.address = ""
        self._channel: Any = None
        self._stub: Any = None

    def attach(self, address: str) -> None:
        """Takes the engine's address."""
        if address:
            self.detach()
            self.address = address
            self._channel = grpc.insecure_channel(address, options=protocol.OPTIONS)
            self._stub = protocol.engine_services.EngineStub(self._channel)

    def detach(self) -> None:
        """Lets the engine go; what is said from now on is heard by nobody."""
        if self._channel is not None:
            self._channel.close()
        self._channel = self._stub = None

    def debug(self, text: str, urn: str = "") -> None:
        """Writes to the engine's debug log."""
        self._log(protocol.engine.DEBUG, text, urn, ephemeral=False)

    def info(self, urn: str, text: str) -> None:
        """Shows a line that stays, beside a resource."""
        self._log(protocol.engine.INFO, text, urn, ephemeral=False)

    def warn(self, urn: str, text: str) -> None:
        """Shows a warning that stays, beside a resource."""
        self._log(protocol.engine.WARNING, text, urn, ephemeral=False)

    def report(self, urn: str, text: str) -> None:
        """Shows progress beside a resource, replaced by the next line."""
        self._log(protocol.engine.INFO, text, urn, ephemeral=True)

    def _log(self, severity: int, text: str, urn: str, *, ephemeral: bool) -> None:
        stub = self._stub
        if stub is None:
            return
        request = protocol.engine.LogRequest(
            severity=severity, message=redaction.redact(text), urn=urn, ephemeral=ephemeral
        )
        try:
            stub.Log(request, timeout=_PATIENCE)
        except (grpc.RpcError, ValueError):
            # An engine that is gone hears nothing; what it asked for is still finished.
            self._stub = None
