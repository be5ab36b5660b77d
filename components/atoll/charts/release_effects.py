"""What stands behind a release: whether a chart takes its values, and whether the objects that helm made are as it did."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from atoll.charts import contents, drifting, source, values
from atoll.charts.access import Logins
from atoll.charts.contents import Contents
from atoll.core.effect import Context, Effect, Failure, Outcome, Seen, Values
from atoll.core.errors import ArgsError, AtollError, NotReadyError
from atoll.helm import Chart, Helm, Release, latest
from atoll.kubernetes import Api, Kubeconfig, documents
from atoll.kubernetes.client import LOOK_SECONDS

_MANAGER = "helm"
"""The field manager of helm 4. Source: helm.sh/helm/v4/pkg/kube/client.go, getManagedFieldsManager."""
_LABEL = "app.kubernetes.io/managed-by"
_ANNOTATION = "meta.helm.sh/release-"


class ChartValues(Effect):
    """Done when the chart's schema takes the values; nothing is written anywhere."""

    replace_on = frozenset[str]()
    secret_outputs = frozenset[str]()
    outputs = frozenset[str]()

    def __init__(self, logins: Logins) -> None:
        self._logins = logins

    def check(self, inputs: Values) -> list[Failure]:
        """Everything that does not fit, at once; what is not known yet is checked when it is."""
        if "source" not in inputs or "values" not in inputs:
            return []
        if found := list(source.problems(inputs["source"])):
            return [Failure(f"source.{field}".rstrip("."), text) for field, text in found]
        try:
            chart = self._contents(inputs)
        except AtollError as error:
            return [Failure("source", " ".join(str(error).split()))]
        if chart.schema is None:
            return []
        whole = values.complete(chart.defaults, inputs["values"])
        return [Failure(*line.split(": ", 1)) for line in values.problems(chart.schema, whole)]

    def same(self, name: str, old: Any, new: Any) -> bool:  # noqa: ARG002 - the protocol's
        """Other values are proven by their check: the proof itself does not change."""
        return True

    def changes(self, changed: frozenset[str]) -> frozenset[str]:  # noqa: ARG002 - the protocol's
        """There is nothing to change."""
        return frozenset()

    def stale(self, inputs: Values, outputs: Values) -> str | None:  # noqa: ARG002 - the protocol's
        """A proof lasts."""
        return None

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """The check was all."""
        return Outcome(name, {})

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """There is nothing to compare with."""
        return Seen(inputs, outputs) if inputs else None

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """The check was all."""
        return Outcome(id, {})

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002 - the protocol's
        """A proof leaves nothing behind."""

    def _contents(self, inputs: Values) -> Contents:
        wanted = inputs["source"]
        if wanted.get("path"):
            return contents.read(Path(wanted["path"]))
        if "registry" in inputs:
            access = self._logins(inputs["registry"])
            return _downloaded(replace(source.chart(wanted), login=access.login, authority=access.authority))
        return _downloaded(source.chart(wanted, _text(str(wanted.get("authority", "")))))


class ReleasedObjects(Effect):
    """Each object as helm wrote it. `drifted` are those that are not, a line each: declared is always none."""

    replace_on = frozenset({"namespace", "release"})
    secret_outputs = frozenset[str]()
    outputs = frozenset({"objects"})

    def check(self, inputs: Values) -> list[Failure]:  # noqa: ARG002 - the protocol's
        """The component makes the inputs."""
        return []

    def changes(self, changed: frozenset[str]) -> frozenset[str]:
        """Another revision may have other objects."""
        return self.outputs if "revision" in changed else frozenset()

    def stale(self, inputs: Values, outputs: Values) -> str | None:  # noqa: ARG002 - the protocol's
        """Drift is seen by a look alone."""
        return None

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Puts back what somebody changed while helm was at it."""
        api = Api(Kubeconfig.read(inputs["access"]))
        release = _release(api, inputs)
        objects = _objects(release)
        for manifest, drift in drifting.looked(api, objects, _MANAGER):
            if drift:
                context.report(f"putting back {drift}")
                api.apply(drifting.body(api, manifest), manager=_MANAGER, force=True)
        return Outcome(f"{release.namespace}/{release.name}", {"objects": len(objects)})

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """Compares every object with what helm would write."""
        if not inputs:
            return None
        api = Api(Kubeconfig.read(inputs["access"]), read=LOOK_SECONDS)
        release = latest(api, inputs["namespace"], inputs["release"])
        if release is None:
            return None
        objects = _objects(release)
        drifted = [drift for _, drift in drifting.looked(api, objects, _MANAGER) if drift]
        return Seen({**inputs, "drifted": drifted}, {"objects": len(objects)})

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Puts back what drifted."""
        return self.create(id, inputs, context)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002 - the protocol's
        """The release takes its objects along."""


@lru_cache(64)
def _downloaded(chart: Chart) -> Contents:
    """The parts of a chart that is not on this machine; an exact version and a digest stay what they are."""
    with Helm() as helm:
        return contents.read(helm.fetched(chart))


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8") if path else ""
    except OSError as error:
        raise ArgsError(f"authority: found {path!r} ({error.strerror}); expected a readable file") from error


def _release(api: Api, inputs: Values) -> Release:
    found = latest(api, inputs["namespace"], inputs["release"])
    if found is None:
        raise NotReadyError(
            f"release {inputs['namespace']}/{inputs['release']}: found none; expected what helm keeps of it"
        )
    return found


def _objects(release: Release) -> list[Values]:
    """The manifests of a release as helm writes them, marks included."""
    found = [each for each in documents(release.manifest, f"release {release.name}") if each]
    for manifest in found:
        metadata = manifest["metadata"]
        metadata.setdefault("namespace", release.namespace)
        metadata["labels"] = {**(metadata.get("labels") or {}), _LABEL: "Helm"}
        marks = {f"{_ANNOTATION}name": release.name, f"{_ANNOTATION}namespace": release.namespace}
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **marks}
    return found
