"""Where a registry of this machine lives, and what it is started with. Pure values."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from atoll.core.x509 import Subject
from atoll.host import Program

PROGRAM = "registry"
LOOPBACK = "127.0.0.1"
STORAGE = "storage"
_LOGINS, _UPLOADS, _SETTINGS = "logins.json", "uploads.key", "config.yml"
SECRETS = (_LOGINS, _UPLOADS, _SETTINGS)
"""The files of a registry that hold what nobody else may read."""
_PRIORITY = 10
_DRAIN = "5s"
"""How long a registry that is to end lets pushes go on. The supervisor kills it after 15 s."""


@dataclass(frozen=True)
class Seat:
    """The place of one registry. `pki` is the folder of the environment's authority, `program` the path of its program."""

    name: str
    folder: Path
    pki: Path
    port: int
    program: Path
    version: str

    @property
    def process(self) -> str:
        """Its process, its certificate and its port's purpose: a name without a dot belongs to no cluster."""
        return f"{PROGRAM}-{self.name}"

    @property
    def address(self) -> str:
        """What images in it are called by, before their repository."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def subject(self) -> Subject:
        """Whom its certificate speaks for."""
        return Subject(self.process, hosts=(LOOPBACK, "localhost"))

    @property
    def storage(self) -> Path:
        """What was pushed to it."""
        return self.folder / STORAGE

    @property
    def logins(self) -> Path:
        """The passwords by user, for its owner alone."""
        return self.folder / _LOGINS

    @property
    def hashes(self) -> Path:
        """The users and the hashes of their passwords, which it reads anew as they change."""
        return self.folder / "htpasswd"

    @property
    def uploads(self) -> Path:
        """The key that signs where an upload stands: one that was kept goes on past a restart."""
        return self.folder / _UPLOADS

    @property
    def settings(self) -> Path:
        """What it is started with."""
        return self.folder / _SETTINGS

    def described(self, revision: str) -> Program:
        """What the supervisor runs; what it reads only at its start is in `revision`."""
        argv = (str(self.program), "serve", str(self.settings))
        # It would send traces to a collector that is not there, and log that.
        variables = (("OTEL_TRACES_EXPORTER", "none"),)
        return Program(
            self.process, argv, _PRIORITY, revision=revision, version=self.version, variables=variables
        )

    def text(self, key: str) -> str:
        """Its settings; `key` signs where uploads stand.

        Source: https://distribution.github.io/distribution/about/configuration
        """
        settings = {
            "version": 0.1,
            "log": {"level": "info", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self.storage)},
                "delete": {"enabled": True},
                "cache": {"blobdescriptor": "inmemory"},
            },
            "http": {
                "addr": self.address,
                "secret": key,
                "draintimeout": _DRAIN,
                "headers": {"X-Content-Type-Options": ["nosniff"]},
                "tls": {
                    "certificate": str(self.pki / f"{self.process}.crt"),
                    "key": str(self.pki / f"{self.process}.key"),
                    "minimumtls": "tls1.2",
                },
            },
            "auth": {"htpasswd": {"realm": self.process, "path": str(self.hashes)}},
            "health": {"storagedriver": {"enabled": True, "interval": "10s", "threshold": 3}},
        }
        return yaml.safe_dump(settings, sort_keys=False)
