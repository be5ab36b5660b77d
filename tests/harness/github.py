"""The part of GitHub's API that workflows call, on loopback: comments on issues, and every request as it came.

Source: https://docs.github.com/rest/issues/comments; the answers hold what is read of them.
"""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "ghs_planted"


class GitHub:
    """One repository's comments. `requests` are (method, path, what was said); `failures` answer the next ones."""

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str, Any]] = []
        self.failures: list[int] = []
        self.url = ""

    def add(self, body: str, kind: str = "Bot") -> dict[str, Any]:
        """Somebody writes a comment."""
        number = len(self.comments) + 1
        made = {
            "id": number,
            "url": f"{self.url}/repos/atoll/fleet/issues/comments/{number}",
            "html_url": f"https://github.example/atoll/fleet/pull/7#issuecomment-{number}",
            "body": body,
            "user": {"type": kind},
        }
        self.comments.append(made)
        return made

    def answer(self, method: str, path: str, token: str, said: Any) -> tuple[int, Any]:
        """What it answers to a request."""
        self.requests.append((method, path, said))
        if self.failures:
            return self.failures.pop(0), {"message": "as planted"}
        if token != f"Bearer {TOKEN}":
            return 401, {"message": "Bad credentials"}
        parts = urlsplit(path)
        at = {each["url"].removeprefix(self.url): each for each in self.comments}
        if method == "PATCH" and parts.path in at:
            at[parts.path]["body"] = said["body"]
            return 200, at[parts.path]
        if parts.path != "/repos/atoll/fleet/issues/7/comments":
            return 404, {"message": "Not Found"}
        if method == "POST":
            return 201, self.add(said["body"])
        query = {name: int(values[0]) for name, values in parse_qs(parts.query).items()}
        begin = (query["page"] - 1) * query["per_page"]
        return 200, self.comments[begin : begin + query["per_page"]]


@contextlib.contextmanager
def served() -> Iterator[GitHub]:
    """The API, at its `url` while the block runs."""
    github = GitHub()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            said = json.loads(content) if content else None
            status, told = github.answer(self.command, self.path, self.headers.get("Authorization", ""), said)
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            """Keeps still."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        github.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield github
        finally:
            server.shutdown()
            thread.join()
