"""Publishes a chart to an OCI registry, each version once. Effect: it runs helm, which speaks to the registry.

Logins lie in a file that helm alone reads, in a folder of this run: never among the arguments.
"""

import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from atoll.charts import packaging
from atoll.charts.packaging import Package
from atoll.core import files, redaction
from atoll.core.command import Completed
from atoll.core.errors import CommandError, RefusedError, UnavailableError, quoted
from atoll.helm import Chart, Helm, Login
from atoll.helm.charts import REGISTRIES

_DIGEST = re.compile(r"^Digest: (sha256:[0-9a-f]{64})$", re.MULTILINE)
_LIMIT = timedelta(minutes=1)
"""For one call of helm's, which waits for ever for a registry that takes connections and says nothing."""
_NAMED = 5
"""How many files that differ are named."""


@dataclass(frozen=True)
class Destination:
    """Where charts go: `repository` is `oci://HOST/PATH`, under which a chart has its own name.

    `logins` is the content of a Docker config.json; without it and `login` helm looks into Docker's own (DOCKER_CONFIG).
    `authority` is the registry's certificate authority, PEM; without it the machine's are trusted.
    """

    repository: str
    login: Login | None = None
    logins: str = field(default="", repr=False)
    authority: str = ""

    def problem(self) -> str | None:
        """What keeps it from being a place for charts, or None."""
        parts = urlsplit(self.repository)
        if (
            parts.scheme != "oci"
            or not parts.netloc
            or parts.query
            or "@" in self.repository
            or parts.path.count(":")
        ):
            return f"found {self.repository!r}; expected oci://HOST/PATH, without login, tag and digest"
        return None

    def place(self, name: str) -> str:
        """Where the versions of a chart are."""
        return f"{self.repository.rstrip('/')}/{name}"


@dataclass(frozen=True)
class Published:
    """A version that a registry has. `made` says whether it was this run that brought it there."""

    package: Package
    digest: str
    reference: str
    made: bool = False


def look(helm: Helm, destination: Destination, name: str, version: str) -> Published | None:
    """What the registry has under a version, or None.

    Raises:
        UnavailableError: the registry does not answer, or lets nobody in.
        IntegrityError: what it has there is no chart.
    """
    where = destination.place(name)
    what = f"{where}:{version}"
    with tempfile.TemporaryDirectory(dir=helm.folder) as folder:
        words = ["pull", *_words(helm, destination, where, version), "--destination", folder]
        done = _asked(helm, what, words)
        if done.code and _ABSENT.search(done.stderr):
            return None
        digest = _digest(done, what)
        (archive,) = Path(folder).glob("*.tgz")
        there = packaging.packed(archive.read_bytes(), what)
    return Published(there, digest, f"{where}@{digest}")


def publish(helm: Helm, package: Package, destination: Destination) -> Published:
    """Brings a package to the registry; where the same content is there already, nothing is written.

    A registry knows no way to write a tag only where there is none. Of two that publish a version at the same moment the
    later wins, and the other is told, since both look again.

    Raises:
        RefusedError: the version has other content.
        UnavailableError: the registry does not answer, lets nobody in, or has no room.
    """
    there = look(helm, destination, package.name, package.version)
    if there is None:
        _push(helm, package, destination)
        there = look(helm, destination, package.name, package.version)
        there = there and replace(there, made=True)
    return refuse_other(package, there)


def _push(helm: Helm, package: Package, destination: Destination) -> None:
    with tempfile.TemporaryDirectory(dir=helm.folder) as folder:
        archive = Path(folder) / package.file_name
        files.write(archive, package.archive)
        # helm writes the file's time into the manifest: of the same content there is to be one digest.
        os.utime(archive, (0, 0))
        words: list[str | Path] = ["push", archive, *_words(helm, destination, destination.repository, "")]
        what = f"{destination.place(package.name)}:{package.version}"
        _digest(_asked(helm, what, words), what)


def refuse_other(package: Package, there: Published | None) -> Published:
    """Refuses a package whose version has other content; returns what the registry has.

    Raises:
        RefusedError: it has.
    """
    if there is None:
        raise RefusedError(
            f"chart {package.name} {package.version}: found it gone after it was pushed; expected it there. "
            "Look who deletes from the registry."
        )
    if there.package.content != package.content:
        differing = packaging.differing(package, there.package)
        named = ", ".join(differing[:_NAMED]) + (
            f" and {len(differing) - _NAMED} more" if len(differing) > _NAMED else ""
        )
        raise RefusedError(
            f"chart {package.name} {package.version}: found other content published as {there.reference} ({named}); "
            "expected the same, since a published version is never overwritten. Raise `version` in Chart.yaml."
        )
    return there


def _words(helm: Helm, destination: Destination, reference: str, version: str) -> list[str]:
    logins = helm.folder / REGISTRIES
    if destination.logins:
        files.write(logins, destination.logins)
    else:
        logins.unlink(missing_ok=True)
    chart = Chart(reference, version, login=destination.login, authority=destination.authority)
    return chart.words(helm.folder)


def _asked(helm: Helm, what: str, words: Sequence[str | Path]) -> Completed:
    try:
        return helm.tried(*words, timeout=_LIMIT)
    except CommandError as error:
        raise UnavailableError(
            f"{what}: found no answer within {_LIMIT.seconds} s; expected a registry. Run the same command again."
        ) from error


def _digest(done: Completed, what: str) -> str:
    """The digest that helm tells; of a call that failed, the reason."""
    if done.code:
        raise _problem(done.stderr, what)
    found = _DIGEST.search(done.stdout + done.stderr)
    if not found:
        raise UnavailableError(f"{what}: found no digest in helm's answer; expected one.")
    return found[1]


_ABSENT = re.compile(r"(?<!sha256):[\w.-]+: not found$", re.MULTILINE)
"""A tag that is not there; what a tag names and is not there is broken, and not for us to replace."""
_QUERY = re.compile(r"\?[^\s\"]*")
_LOGIN = "the login of one that may do this. Mend it"
_REASONS = (
    (r"certificate has expired", "a certificate that is not valid now", "a valid one. Renew it"),
    (
        r"unknown authority",
        "a certificate of an authority that is not trusted",
        "one that is. Name it (--ca-file)",
    ),
    (r"x509:", "a certificate that is not its own", "one for this address. Renew it"),
    (r"HTTP response to HTTPS", "an answer without TLS", "TLS. Give the registry a certificate"),
    (r"credential not found", "no login", _LOGIN),
    (r"status code 401", "the login refused", _LOGIN),
    (r"status code 403", "that the login may not do this", _LOGIN),
    (
        r"no space left|quota",
        "no room on the registry's disk",
        "room. Make some, and run the same command again",
    ),
)
"""What helm says, what that means, and what was expected instead."""


def _problem(text: str, what: str) -> UnavailableError:
    for pattern, found, expected in _REASONS:
        if re.search(pattern, text):
            return UnavailableError(f"{what}: found {found}; expected {expected}.")
    said = quoted(_QUERY.sub("", redaction.redact(text).strip().removeprefix("Error: ")))
    return UnavailableError(
        f"{what}: found no registry that answers ({said}); expected one. Run the same command again."
    )
