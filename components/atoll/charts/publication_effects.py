"""Publishes a chart's version for a Pulumi program; other content under a published version is refused in the preview."""

import hashlib
from pathlib import Path

from atoll.charts import checks, packaging, publishing
from atoll.charts.access import Logins
from atoll.charts.findings import CHART
from atoll.charts.packaging import Package
from atoll.charts.publishing import Destination, Published
from atoll.core.effect import Context, Effect, Failure, Outcome, Seen, Values
from atoll.core.errors import ArgsError, RefusedError, SettingsError
from atoll.helm import Helm
from atoll.host import Environment

_OUTPUTS = frozenset({"version", "content", "digest", "reference", "sources"})


class ChartPublication(Effect):
    """A chart's version in an OCI registry: one that the inventory declares, whose login is asked for, or any other."""

    replace_on = frozenset[str]()
    secret_outputs = frozenset[str]()
    outputs = _OUTPUTS

    def __init__(self, logins: Logins) -> None:
        self._logins = logins

    def check(self, inputs: Values) -> list[Failure]:
        """There is a chart, and a place for it; what is wrong with the chart is told when it is published."""
        found = []
        if "chart" in inputs and not (_folder(inputs) / CHART).is_file():
            found.append(
                Failure("chart", f"found {inputs['chart']!r}, without a {CHART}; expected a chart's folder")
            )
        if "repository" in inputs and (problem := Destination(inputs["repository"]).problem()):
            found.append(Failure("repository", problem))
        return found

    def changes(self, changed: frozenset[str]) -> frozenset[str]:
        """How the registry is reached changes nothing that is there."""
        return _OUTPUTS if not changed or changed & {"chart", "repository"} else frozenset()

    def stale(self, inputs: Values, outputs: Values) -> str | None:
        """The chart is another than the one that was published."""
        package = _changed(inputs, outputs) if outputs else None
        return f"{package.name} {package.version} is not what was published" if package else None

    def refuse(self, inputs: Values, outputs: Values) -> None:
        """What is wrong with a chart that would be published, and other content under the version that was."""
        package = _changed(inputs, outputs) if "chart" in inputs else None
        if package is None:
            return
        place = outputs.get("reference", "").rpartition("@")[0].rpartition("/")[2]
        if (package.name, package.version) == (place, outputs.get("version")):
            raise RefusedError(
                f"chart {package.name} {package.version}: found other content published as {outputs['reference']}; expected "
                f"the same, since a published version is never overwritten. Raise `version` in {CHART}."
            )
        with Helm() as helm:
            refuse_bad(helm, _folder(inputs), inputs["chart"])

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Checks, packs and publishes it, or takes up what is there."""
        folder = _folder(inputs)
        with Helm(cancelled=context.cancelled) as helm:
            refuse_bad(helm, folder, inputs["chart"])
            package = packaging.package(helm, folder)
            published = publishing.publish(helm, package, self._destination(inputs))
        return Outcome(package.name, _outputs(published, folder))

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """Asks the registry what it has under the version that was published."""
        if not inputs:
            return None
        version, reference = outputs.get("version"), outputs.get("reference", "")
        if not version:
            return Seen(inputs, outputs)
        name = reference.rpartition("@")[0].rpartition("/")[2]
        with Helm(cancelled=context.cancelled) as helm:
            there = publishing.look(helm, self._destination(inputs), name, version)
        if there is None:
            return None
        if there.digest != outputs.get("digest"):
            context.warn(
                f"chart {name} {version}: found {there.reference}; expected {reference} (somebody overwrote it)"
            )
        # What was overwritten is looked at anew, by its content.
        known = {} if there.digest == outputs.get("digest") else {"sources": ""}
        found = {"content": there.package.content, "digest": there.digest, "reference": there.reference}
        return Seen(inputs, {**outputs, **found, **known})

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Publishes another version, or in another place; those before it stay."""
        return self.create(id, inputs, context)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002 - the protocol's
        """What was published stays: somebody may run it."""

    def _destination(self, inputs: Values) -> Destination:
        if "registry" in inputs:
            access = self._logins(inputs["registry"])
            return Destination(inputs["repository"], access.login, authority=access.authority)
        logins = ""
        if path := inputs.get("logins"):
            try:
                logins = (Environment.current().project / str(path)).read_text()
            except OSError as error:
                raise ArgsError(
                    f"logins: found {path!r} ({error.strerror}); expected a file of logins."
                ) from error
        return Destination(inputs["repository"], logins=logins, authority=inputs.get("authority", ""))


def _changed(inputs: Values, outputs: Values) -> Package | None:
    """The chart as it is packed now, where its content is another than what was published."""
    folder = _folder(inputs)
    if not (folder / CHART).is_file() or sources(folder) == outputs.get("sources"):
        return None
    with Helm() as helm:
        package = packaging.package(helm, folder)
    return package if package.content != outputs.get("content") else None


def refuse_bad(helm: Helm, folder: Path, shown: str) -> None:
    """Refuses a chart that something is wrong with.

    Raises:
        SettingsError: one line for each problem.
    """
    if found := checks.check(helm, folder):
        raise SettingsError(*(f"{shown}/{each}" for each in found))


def sources(folder: Path) -> str:
    """The digest of all files in a folder, by their names."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(folder)}\0{content}\n".encode())
    return f"sha256:{digest.hexdigest()}"


def _folder(inputs: Values) -> Path:
    return Environment.current().project / str(inputs["chart"])


def _outputs(published: Published, folder: Path) -> Values:
    return {
        "version": published.package.version,
        "content": published.package.content,
        "digest": published.digest,
        "reference": published.reference,
        "sources": sources(folder),
    }
