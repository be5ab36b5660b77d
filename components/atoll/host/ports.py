"""A block of ports for each environment, and a fixed port in it for each purpose.

Blocks lie below the range that Linux gives to outgoing connections (from 32768), so that no connection can
take a port while its server restarts. The registry is one folder for each user, whatever ATOLL_HOME says,
so that environments in different homes do not meet either.
"""

import contextlib
import itertools
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from atoll.core import files
from atoll.core.errors import IntegrityError, UnavailableError
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
            known = self._read()
            if purpose not in known:
                taken = set(known.values())
                base = self._base()
                free = (port for port in range(base, base + BLOCK) if port not in taken and _is_free(port))
                port = next(free, None)
                if port is None:
                    raise UnavailableError(
                        f"ports {base}-{base + BLOCK - 1}: found none free; expected one for {purpose}. "
                        "End the programs that listen there"
                    )
                known[purpose] = port
                files.write_json(self._file, known)
            return known[purpose]

    def take_over(self, ports: Mapping[str, int]) -> dict[str, int]:
        """Takes the ports that an environment had elsewhere, or the same places in another block where one is taken.

        Nothing is written but the block's reservation.

        Raises:
            IntegrityError: they are no ports of one block.
            UnavailableError: no block is free.
        """
        if not ports:
            return {}
        lowest = min(ports.values())
        old: int = lowest - (lowest - FIRST) % BLOCK
        if old < FIRST or max(ports.values()) >= min(old + BLOCK, LAST):
            raise IntegrityError(f"ports: found {sorted(ports.values())}; expected those of one block.")
        base = self._base(*([old] if all(map(_is_free, ports.values())) else []))
        return {purpose: port - old + base for purpose, port in ports.items()}

    def known(self) -> dict[str, int]:
        """Every port that was ever chosen and not given back, by purpose."""
        try:
            return self._read()
        except IntegrityError:
            return {}

    def release(self, prefix: str) -> None:
        """Gives back the ports of every purpose under a prefix (`lagoon/`)."""
        with files.locked(self._environment.folder / "ports.lock"):
            known = self._read()
            kept = {purpose: port for purpose, port in known.items() if not purpose.startswith(prefix)}
            files.write_json(self._file, kept)

    def release_block(self) -> None:
        """Gives back the whole block, as the environment ends; the last one takes the registry along."""
        registry = _registry()
        with files.locked(registry / _LOCK):
            for path in registry.glob("[0-9]*"):
                if path.read_text(errors="replace") == str(self._environment.folder):
                    path.unlink()
            if not any(registry.glob("[0-9]*")):
                (registry / _LOCK).unlink(missing_ok=True)
                with contextlib.suppress(OSError):
                    registry.rmdir()

    def _read(self) -> dict[str, int]:
        try:
            found: dict[str, int] = files.read_json(self._file, {})
        except ValueError as error:
            name = self._environment.name
            raise IntegrityError(
                f"{self._file}: found no ports in it ({error}); expected those that the clusters listen at. "
                f"Begin anew: atoll down {name}, then atoll up {name}"
            ) from error
        return found

    def _base(self, *wished: int) -> int:
        registry = _registry()
        with files.locked(registry / _LOCK):
            owners = {int(path.name): path.read_text() for path in registry.glob("[0-9]*")}
            for base, owner in owners.items():
                if owner == str(self._environment.folder):
                    return base
            for base in itertools.chain(wished, range(FIRST, LAST - BLOCK, BLOCK)):
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
