"""Where a chart is, and how helm is told without a secret among its arguments: by files that helm reads itself."""

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from atoll.core import files
from atoll.core.errors import ArgsError

OCI = "oci://"
_REPOSITORY = "chosen"
"""What the one repository of a call is named in helm's list of repositories."""
REGISTRIES, REPOSITORIES = "registry.json", "repositories.yaml"
"""The files in which helm looks for logins."""


@dataclass(frozen=True)
class Login:
    """Who asks a registry or a repository."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Chart:
    """One chart: `reference` is a path, an address (oci://, https://), or a name in `repository`.

    `version` is a version or a range of them; empty is the newest. `authority`, `certificate` and `key` are PEM.
    """

    reference: str
    version: str = ""
    repository: str = ""
    login: Login | None = None
    authority: str = ""
    certificate: str = ""
    key: str = field(default="", repr=False)
    plain_http: bool = False

    @property
    def is_oci(self) -> bool:
        """Whether it lies in an OCI registry."""
        return self.reference.startswith(OCI)

    @property
    def is_local(self) -> bool:
        """Whether it is a path of this machine."""
        return not self.repository and "://" not in self.reference

    @property
    def label(self) -> str:
        """How errors call it."""
        return f"{self.repository}: {self.reference}" if self.is_listed else self.reference

    @property
    def is_listed(self) -> bool:
        """Whether it is found by a repository's index, which has to be fetched first."""
        return bool(self.repository) and not self.is_oci

    def words(self, folder: Path) -> list[str]:
        """Helm's words for the chart; what they need lies in `folder` afterwards, for its owner alone.

        Raises:
            ArgsError: its parts do not go together.
        """
        tls = self._tls(folder)
        named = self.reference
        if self.is_listed:
            self._list(folder, tls)
            named = f"{_REPOSITORY}/{self.reference}"
        elif self.login:
            self._log_in(folder, self.login)
        words = [named, *(["--version", self.version] if self.version else [])]
        words += [word for flag, path in tls.items() for word in (flag, path)]
        return words + (["--plain-http"] if self.plain_http else [])

    def _tls(self, folder: Path) -> dict[str, str]:
        found = {}
        for flag, text in (
            ("--ca-file", self.authority),
            ("--cert-file", self.certificate),
            ("--key-file", self.key),
        ):
            if text:
                path = folder / f"{flag.removeprefix('--')}.pem"
                files.write(path, text)
                found[flag] = str(path)
        return found

    def _list(self, folder: Path, tls: dict[str, str]) -> None:
        if urlsplit(self.repository).scheme not in {"http", "https"}:
            raise ArgsError(
                f"chart {self.reference}: found repository {self.repository!r}; expected its address (https://...)"
            )
        named = {"--ca-file": "caFile", "--cert-file": "certFile", "--key-file": "keyFile"}
        entry = {"name": _REPOSITORY, "url": self.repository}
        entry |= {named[flag]: path for flag, path in tls.items()}
        if self.login:
            entry |= {"username": self.login.username, "password": self.login.password}
        files.write(folder / REPOSITORIES, yaml.safe_dump({"apiVersion": "", "repositories": [entry]}))

    def _log_in(self, folder: Path, login: Login) -> None:
        if not self.is_oci:
            raise ArgsError(
                f"chart {self.reference}: found a login; expected a chart in a registry (oci://...) or a repository"
            )
        host = self.reference.removeprefix(OCI).partition("/")[0]
        token = base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
        files.write(folder / REGISTRIES, json.dumps({"auths": {host: {"auth": token}}}))
