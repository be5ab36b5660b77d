"""The KMS of a local environment, in a thread of this process."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

from atoll.secrets import kms
from atoll.secrets.local.backend import Backend
from atoll.secrets.local.seat import REGION
from atoll.secrets.local.server import application, serve

LOGIN = ("ATOLL000000000000000", "a-secret-of-its-own")


@contextlib.contextmanager
def served(path: Path) -> Iterator[kms.Access]:
    """A KMS with the keys of a file; another one on the same file is the same KMS after a restart."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = serve(listening, application(Backend(path), LOGIN))
    thread = threading.Thread(target=server.serve_forever, args=[0.02])
    thread.start()
    try:
        yield kms.Access(REGION, f"http://127.0.0.1:{server.port}", *LOGIN)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        listening.close()
