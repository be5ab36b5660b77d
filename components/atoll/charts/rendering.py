"""A chart as plain manifests, for what carries objects to many clusters. Effect: it runs helm."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from atoll.charts import contents, source, values
from atoll.core import naming
from atoll.core.errors import ArgsError
from atoll.helm import Chart, Helm, HelmError
from atoll.helm import values as layers
from atoll.kubernetes import documents, probably_namespaced

_HELM = "Helm"
_HOOK = "helm.sh/hook"
_TESTS = frozenset({"test", "test-success", "test-failure"})


def rendered(
    wanted: Mapping[str, Any],
    release: str,
    namespace: str,
    given: Iterable[Mapping[str, Any]] = (),
    kube_version: str = "",
) -> list[dict[str, Any]]:
    """The objects of a chart with its definitions, each in its namespace.

    `wanted` is a `ChartSource` with plain values, `kube_version` what templates take the clusters for.

    Raises:
        ArgsError: the source is wrong, or the chart takes no such values (a line each), or has hooks, which run nowhere
            but where helm itself makes the release.
        HelmError: the chart cannot be had, or renders to nothing that can be read.
    """
    source.require(wanted, f"release {release}: source")
    authority = Path(wanted["authority"]).read_text(encoding="utf-8") if wanted.get("authority") else ""
    chart = source.chart(wanted, authority)
    return manifests(chart, release, namespace, layers.merged(given), kube_version)


def manifests(
    wanted: Chart, release: str, namespace: str, given: Mapping[str, Any], kube_version: str = ""
) -> list[dict[str, Any]]:
    """As `rendered`, of a chart in helm's terms."""
    where = f"release {release}"
    options = ["--namespace", namespace, "--include-crds"]
    options += ["--kube-version", kube_version] if kube_version else []
    with Helm() as helm:
        chart = helm.fetched(wanted)
        _require(where, chart, given)
        try:
            text = helm.template(release, chart, given, options)
        except HelmError as error:
            raise HelmError(f"{where}: {error}") from error
    found = [each for each in documents(text, where) if each]
    if hooks := sorted(set(_hooks(found))):
        raise ArgsError(
            f"{where}: found hooks ({', '.join(hooks)}); expected none, since nothing runs them in many clusters. "
            "Release the chart in each cluster by itself (hooks: true)"
        )
    return [_placed(each, namespace) for each in found if not _annotation(each)]


def _require(where: str, chart: Path, given: Mapping[str, Any]) -> None:
    found = contents.read(chart)
    if found.schema is None:
        return
    lines = values.problems(found.schema, values.complete(found.defaults, given))
    if lines:
        raise ArgsError(*(f"{where}: {line}" for line in lines))


def _annotation(manifest: dict[str, Any]) -> str:
    return str((manifest["metadata"].get("annotations") or {}).get(_HOOK, ""))


def _hooks(objects: list[dict[str, Any]]) -> Iterator[str]:
    """The hooks that would have to run; tests run by themselves nowhere."""
    for manifest in objects:
        events = {each.strip() for each in _annotation(manifest).split(",") if each.strip()}
        if events - _TESTS:
            yield f"{manifest['kind']} {manifest['metadata']['name']}"


def _placed(manifest: dict[str, Any], namespace: str) -> dict[str, Any]:
    labels = manifest["metadata"].get("labels") or {}
    if labels.get(naming.MARK) == _HELM:
        # Nothing of Helm's looks after it: the mark is for whoever carries it to set.
        del labels[naming.MARK]
    if probably_namespaced(manifest["kind"]):
        manifest["metadata"].setdefault("namespace", namespace)
    return manifest
