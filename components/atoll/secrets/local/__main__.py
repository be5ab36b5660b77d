"""The KMS of one environment as a process: `python -m atoll.secrets.local FOLDER PORT`."""

import socket
import sys
from pathlib import Path

from atoll.core import files
from atoll.core.errors import AtollError, LockedError, UnavailableError
from atoll.secrets.local import keeping
from atoll.secrets.local.backend import Backend
from atoll.secrets.local.seat import LOOPBACK, Seat
from atoll.secrets.local.server import application, serve


def main(folder: str, port: str) -> None:
    """Serves until it is ended, at any moment: every answer that was given is on disk."""
    seat = Seat(Path(folder), int(port))
    with files.locked(seat.folder / "serving.lock", wait=False) as held:
        if not held:
            raise LockedError(f"{seat.folder}: found another KMS that serves it; expected none. End it")
        keeping.clear(seat.keys)
        app = application(Backend(seat.keys), seat.login())
        with socket.socket() as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _bind(listening, seat.port)
            serve(listening, app).serve_forever()


def _bind(listening: socket.socket, port: int) -> None:
    """Raises: UnavailableError: somebody else listens there."""
    try:
        listening.bind((LOOPBACK, port))
    except OSError as error:
        # In the words that Go's servers have for it, which whoever looks for an obstacle knows.
        raise UnavailableError(f"listen tcp {LOOPBACK}:{port}: bind: address already in use") from error


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except AtollError as error:
        sys.exit(str(error))
