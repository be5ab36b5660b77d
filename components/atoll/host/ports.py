"""A block of ports for each environment, and a fixed port in it for each purpose.

Blocks lie below the range that Linux gives to outgoing connections (from 32768), so that no connection can
take a port while its server restarts. The registry is one folder for each user, whatever ATOLL_HOME says,
so that environments in different homes do not meet either.
"""

import contextlib
import os
import socket
from pathlib import Path

from atoll.core import files
from atoll.core.errors import UnavailableError
from atoll.host.environment import Environment

FIRST = 20000
LAST = 32767
_LOCK = "lock"
BLOCK = 256
"""Enough for 17 members of six ports, the control plane, and as much again."""


class Ports:
    """The ports of one environment, kept over restarts."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._file = environment.folder / "ports.json"

    def get(self, purpose: str) -> int:
        """The port for a purpose (`lagoon/etcd`), chosen at the first call.

        Raises:
            UnavailableError: no block, or no port in the block, is free.
        """
        with files.locked(self._environment.folder / "ports.lock"):
            known: dict[str, int] = files.read_json(self._file, {})
            if purpose not in known:
                taken = set(known.values())
                base = self._base()
                free = (port for port in range(base, base + BLOCK) if port not in taken and _is_free(port))
                port = next(free, None)
                if port is None:
                    raise UnavailableError(
                        f"ports {base}-{base + BLOCK - 1}: found none free; expected one for {purpose}"
                    )
                known[purpose] = port
                files.write_json(self._file, known)
            return known[purpose]

    def release(self, prefix: str) -> None:
        """Gives back the ports of every purpose under a prefix (`lagoon/`)."""
        with files.locked(self._environment.folder / "ports.lock"):
            known: dict[str, int] = files.read_json(self._file, {})
            kept = {purpose: port for purpose, port in known.items() if not purpose.startswith(prefix)}
            files.write_json(self._file, kept)

    def release_block(self) -> None:
        """Gives back the whole block, as the environment ends; the last one takes the registry along."""
        registry = _registry()
        with files.locked(registry / _LOCK):
            for path in registry.glob("[0-9]*"):
                if path.read_text() == str(self._environment.folder):
                    path.unlink()
            if not any(registry.glob("[0-9]*")):
                (registry / _LOCK).unlink()
                with contextlib.suppress(OSError):
                    registry.rmdir()

    def _base(self) -> int:
        registry = _registry()
        with files.locked(registry / _LOCK):
            owners = {int(path.name): path.read_text() for path in registry.glob("[0-9]*")}
            for base, owner in owners.items():
                if owner == str(self._environment.folder):
                    return base
            for base in range(FIRST, LAST - BLOCK, BLOCK):
                holder = owners.get(base)
                if (holder is None or not Path(holder).exists()) and _is_free(base):
                    files.write(registry / str(base), str(self._environment.folder))
                    return base
        raise UnavailableError(
            f"ports {FIRST}-{LAST}: found every block taken; expected a free one. Remove an environment: atoll down NAME"
        )


def _registry() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return files.folder(Path(state) / "atoll" / "ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
