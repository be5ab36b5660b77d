"""A small HTTP server in the place of an API server that a test makes say what it wants."""

import contextlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

Answer = tuple[int, Any]
"""The status and the body: bytes as they are, anything else as JSON."""


@contextlib.contextmanager
def answering(answer: Callable[[str], Answer]) -> Iterator[str]:
    """Serves what `answer` says to each GET of a path while the block runs; gives the server's URL.

    A PATCH is asked for as `PATCH` and the path.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self._tell(*answer(self.path))

        def do_PATCH(self):
            self.rfile.read(int(self.headers["content-length"]))
            self._tell(*answer(f"PATCH {self.path}"))

        def _tell(self, code, told):
            self.send_response(code)
            self.end_headers()
            self.wfile.write(told if isinstance(told, bytes) else json.dumps(told).encode())

        def log_message(self, *_words):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
