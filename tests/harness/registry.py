"""A real OCI registry on loopback: the distribution registry with TLS and a login, which can be killed and come back."""

import contextlib
import socket
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from atoll import toolchain
from atoll.core import x509
from atoll.core.x509 import Subject
from harness import tokens
from harness.tokens import PASSWORD, USER, Tokens
from harness.waiting import until

__all__ = ["PASSWORD", "USER", "Door", "Registry", "served"]
_HTPASSWD = "crab:$2b$04$0kB1C0eT8ffDKWvVlNUyyuciS3.vjdV9xxQVpze2hS6VOAbzoJaO."
"""The password by bcrypt, the one form that the registry takes."""


class Registry:
    """A registry that keeps what it has in a folder, over its ends and starts."""

    def __init__(self, folder: Path, storage: Path | None = None, tokens: Tokens | None = None) -> None:
        self._folder, self.storage = folder, storage or folder / "storage"
        self._tokens = tokens
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        # Another name than the certificate's: OpenSSL takes equal ones for a signature of its own.
        self._authority = x509.authority("registry authority")
        self.certify()

    @property
    def host(self) -> str:
        """Its address."""
        return f"127.0.0.1:{self.port}"

    @property
    def authority(self) -> str:
        """Its certificate authority, PEM."""
        return self._authority.certificate.decode()

    @property
    def log(self) -> str:
        """What it said."""
        return (self._folder / "log").read_text()

    def certify(self, *, expired: bool = False) -> None:
        """Gives it a certificate for its next start."""
        now = datetime.now(UTC) - (x509.LEAF_LIFE + timedelta(days=1) if expired else timedelta())
        pair = x509.leaf(self._authority, Subject("registry", hosts=("127.0.0.1",)), now=now)
        (self._folder / "certificate.pem").write_bytes(pair.certificate)
        (self._folder / "key.pem").write_bytes(pair.key)

    def start(self) -> None:
        """Starts it and waits until it listens."""
        (self._folder / "htpasswd").write_text(f"{_HTPASSWD}\n")
        path = self._folder / "config.yaml"
        path.write_text(yaml.safe_dump(self._config()))
        argv = [str(toolchain.ensure(["registry"])["registry"]), "serve", str(path)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(argv, stdout=log, stderr=log, env={})
        until(self._listens, "the registry listens")

    def kill(self) -> None:
        """Ends it without a word."""
        if self._process:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _config(self) -> dict[str, object]:
        tls = {name: str(self._folder / f"{name}.pem") for name in ("certificate", "key")}
        return {
            "version": 0.1,
            "log": {"level": "info"},
            "storage": {"filesystem": {"rootdirectory": str(self.storage)}, "delete": {"enabled": True}},
            "http": {"addr": self.host, "secret": "of-tests", "tls": tls},
            "auth": self._auth(),
        }

    def _auth(self) -> dict[str, object]:
        if self._tokens is None:
            return {"htpasswd": {"realm": "tests", "path": str(self._folder / "htpasswd")}}
        trusted = self._folder / "tokens.pem"
        trusted.write_text(self._tokens.authority)
        told = {"realm": self._tokens.realm, "service": tokens.SERVICE, "issuer": tokens.ISSUER}
        return {"token": {**told, "rootcertbundle": str(trusted)}}


@contextlib.contextmanager
def served(folder: Path, storage: Path | None = None, tokens: Tokens | None = None) -> Iterator[Registry]:
    """A registry that runs while the block does. It asks for tokens where somebody makes them, else for a login."""
    registry = Registry(folder, storage, tokens)
    registry.start()
    try:
        yield registry
    finally:
        registry.kill()


class Door:
    """A way to a registry that counts the bytes that go there, and does something once there were enough."""

    def __init__(self, port: int, after: int, then: Callable[[], None]) -> None:
        self._port, self._left, self._then = port, after, then
        self.is_done = threading.Event()
        """Set once that was done."""
        self._lock = threading.Lock()
        door = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with (
                    contextlib.suppress(OSError),
                    socket.create_connection(("127.0.0.1", door._port)) as behind,
                ):
                    back = threading.Thread(target=_pass, args=(behind, self.request, lambda _size: None))
                    back.start()
                    _pass(self.request, behind, door._count)
                    back.join()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.host = f"127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Lets nobody through any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _count(self, size: int) -> None:
        with self._lock:
            before, self._left = self._left, self._left - size
            if before > 0 >= self._left:
                self._then()
                self.is_done.set()


def _pass(source: socket.socket, target: socket.socket, count: Callable[[int], None]) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(4096):
            count(len(data))
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
