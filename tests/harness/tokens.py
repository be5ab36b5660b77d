"""Who makes the tokens that a registry asks for: a service on loopback with TLS of an authority of its own.

Source: https://distribution.github.io/distribution/spec/auth/jwt
"""

import base64
import contextlib
import json
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from atoll.core import x509
from atoll.core.x509 import Subject

SERVICE, ISSUER = "registry of tests", "tokens of tests"
USER, PASSWORD = "crab", "pass-of-crab"
PUBLIC = "public/"
"""How the repositories begin that nobody needs a login for, to pull."""


class Tokens:
    """Gives a user all that is asked for, somebody without a login what is public, and nothing to a wrong password."""

    def __init__(self, folder: Path) -> None:
        made = x509.authority("token authority")
        self.authority = made.certificate.decode()
        self.life = 60
        """How long a token lasts from now on, in seconds."""
        self.given: list[tuple[str, tuple[str, ...]]] = []
        """Who got a token, and the scopes that were asked for."""
        self._pair = x509.leaf(made, Subject("tokens", hosts=("127.0.0.1",)))
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, told = service._answer(self.path, self.headers.get("Authorization", ""))
                body = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        (folder / "service.pem").write_bytes(self._pair.certificate + self._pair.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "service.pem")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.realm = f"https://127.0.0.1:{self._server.server_address[1]}/token"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Makes no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, path: str, shown: str) -> tuple[int, dict[str, object]]:
        user, _, password = base64.b64decode(shown.removeprefix("Basic ")).decode().partition(":")
        if user and (user, password) != (USER, PASSWORD):
            return 401, {"errors": [{"code": "UNAUTHORIZED", "message": "a wrong password"}]}
        asked = parse_qs(urlsplit(path).query)
        scopes = asked.get("scope", [])
        self.given.append((user, tuple(scopes)))
        access = [_access(scope) for scope in scopes]
        if not user:
            access = [each for each in access if str(each["name"]).startswith(PUBLIC)]
            access = [{**each, "actions": ["pull"]} for each in access]
        return 200, {"token": self._token(user, asked["service"][0], access), "expires_in": self.life}

    def _token(self, user: str, service: str, access: list[dict[str, object]]) -> str:
        now = int(time.time())
        certificate = load_pem_x509_certificate(self._pair.certificate).public_bytes(Encoding.DER)
        claims: dict[str, object] = {"iss": ISSUER, "sub": user, "aud": service, "access": access}
        claims |= {"nbf": now - 5, "iat": now, "exp": now + self.life}
        chain = {"x5c": [base64.b64encode(certificate).decode()]}
        return jwt.encode(claims, self._pair.key, algorithm="ES256", headers=chain)


def _access(scope: str) -> dict[str, object]:
    """One scope, `repository:NAME:ACTION,...`, which is a field of its own: of two in one it would make no sense."""
    kind, name, actions = scope.split(":")
    return {"type": kind, "name": name, "actions": actions.split(",")}


@contextlib.contextmanager
def served() -> Iterator[Tokens]:
    """A service that runs while the block does."""
    with tempfile.TemporaryDirectory(prefix="tokens-") as folder:
        made = Tokens(Path(folder))
        try:
            yield made
        finally:
            made.close()
