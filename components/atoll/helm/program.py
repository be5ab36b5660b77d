"""Runs the helm program: homes of its own, values by its input, a kubeconfig that its owner alone can read."""

import os
import re
import tempfile
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from atoll import toolchain
from atoll.core import command, files, redaction
from atoll.core.command import Completed
from atoll.core.errors import AtollError, UnavailableError
from atoll.helm.charts import REGISTRIES, REPOSITORIES, Chart

_NAME = "helm"
_HOMES = ("CACHE", "CONFIG", "DATA")
_LIMIT = timedelta(minutes=2)
_NOISE = re.compile(r"^(level=|time=|WARNING: |I\d{4} |W\d{4} |Pulled: |Digest: |\s*$)")
"""Lines that are not the reason of a failure."""
_NO_INDEX = re.compile(r"Unable to get an update from the .*? chart repository \(.*?\):\s*(.+)")


class HelmError(AtollError):
    """Helm said no; the text is what it said, without its noise."""


class Helm:
    """The program with one cluster, or none; what it keeps lives as long as the block.

    `cancelled` asks what runs to end; helm then marks a release that it was at as failed. `registries` is the path of a
    file with logins, or with who knows them, in the form of Docker's clients; a chart with a login of its own has another.
    """

    def __init__(
        self, kubeconfig: str = "", cancelled: threading.Event | None = None, registries: str = ""
    ) -> None:
        self._kubeconfig, self._cancelled = kubeconfig, cancelled or threading.Event()
        self._registries = registries
        self._program = _found()

    def __enter__(self) -> Self:
        self._temporary = tempfile.TemporaryDirectory(prefix="atoll-helm-")
        self.folder = Path(self._temporary.name)
        files.write(self.folder / "kubeconfig", self._kubeconfig or yaml.safe_dump({"kind": "Config"}))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._temporary.cleanup()

    def run(self, *words: str | Path, stdin: str = "", timeout: timedelta = _LIMIT) -> str:
        """Runs one command and returns what it printed.

        Raises:
            HelmError: it failed; the text tells why.
        """
        done = self.tried(*words, stdin=stdin, timeout=timeout)
        if done.code:
            raise HelmError(_told(done.stderr, done.stdout))
        return done.stdout

    def tried(self, *words: str | Path, stdin: str = "", timeout: timedelta = _LIMIT) -> Completed:
        """Runs one command and returns all that it printed, for those who read it themselves, failed or not.

        Raises:
            CommandError: it took longer than the time limit.
        """
        argv = [self._program, *words]
        return command.run_until(self._cancelled, argv, env=self._variables(), stdin=stdin, timeout=timeout)

    def fetched(self, chart: Chart) -> Path:
        """The folder of a chart, or its archive: a path as it is, anything else downloaded once for the block.

        Raises:
            HelmError: it cannot be had.
        """
        if chart.is_local:
            return Path(chart.reference)
        place = self.folder / "charts"
        if not place.exists():
            self._download(chart, place)
        (fetched,) = place.iterdir()
        return fetched

    def _download(self, chart: Chart, place: Path) -> None:
        try:
            words = chart.words(self.folder)
            if chart.is_listed:
                self.run("repo", "update")
            files.folder(place)
            self.run("pull", *words, "--destination", place)
        except HelmError as error:
            raise HelmError(f"{chart.label}: {error}") from error

    def template(self, release: str, chart: Path, values: Any, options: Sequence[str] = ()) -> str:
        """The manifests that a chart makes of values, as a stream of YAML documents.

        Raises:
            HelmError: the chart does not take the values.
        """
        words: list[str | Path] = ["template", release, chart, "--values", "-", *options]
        return self.run(*words, stdin=written(values))

    def _logins(self) -> str:
        own = self.folder / REGISTRIES
        return str(own) if own.exists() or not self._registries else self._registries

    def _variables(self) -> dict[str, str]:
        """The caller's variables (a kubeconfig may name a program that needs them), and none of helm's."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HELM_")}
        homes = {f"HELM_{name}_HOME": str(self.folder / name.lower()) for name in _HOMES}
        return (
            kept
            | homes
            | {
                "HELM_NO_PLUGINS": "1",
                "HELM_REGISTRY_CONFIG": self._logins(),
                "HELM_REPOSITORY_CONFIG": str(self.folder / REPOSITORIES),
                "KUBECONFIG": str(self.folder / "kubeconfig"),
            }
        )


def written(values: Any) -> str:
    """Values as helm reads them from its input."""
    return yaml.safe_dump(values)


def _found() -> Path:
    found = toolchain.find(_NAME)
    if found is None:
        wanted = toolchain.table().programs[_NAME]
        raise UnavailableError(
            f"helm: found none; expected {wanted.fits} on PATH, or {wanted.version} built. Run: atoll tools install helm"
        )
    return found.path


def _told(errors: str, printed: str) -> str:
    """Why helm failed. Of a repository that gives no index it prints the reason, and an error without one."""
    if found := _NO_INDEX.search(redaction.redact(printed)):
        return " ".join(found[1].split())
    lines = [
        line.strip() for line in redaction.redact(errors or printed).splitlines() if not _NOISE.match(line)
    ]
    return "; ".join(line.removeprefix("Error: ") for line in lines) or "helm: it failed without a word"
