"""Karmada's chart as plain manifests. Effect: it runs helm."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from atoll import toolchain
from atoll.core import naming
from atoll.core.errors import ArgsError
from atoll.federation.chart import ASSET
from atoll.federation.chart.identity import Identity
from atoll.federation.chart.values import RELEASE, Settings, chart_values
from atoll.helm import Helm
from atoll.kubernetes import documents, probably_namespaced

_LIBRARY = Path(__file__).parent / "common"
_HOOK = "helm.sh/hook"
_HELM = "Helm"
_JOB = "Job"


def manifests(
    settings: Settings, identity: Identity, namespace: str, kube_version: str
) -> list[dict[str, Any]]:
    """The objects of a control plane, its namespace first and the Job that fills the plane last.

    What the chart makes as hooks of an installation are plain objects here: with certificates of ours none of them is a
    Job on a Kubernetes from 1.23, and as hooks they would outlive the release.

    Raises:
        ArgsError: it has hooks that would have to run.
        HelmError: the chart does not take the values.
    """
    options = ["--namespace", namespace, "--kube-version", kube_version]
    with Helm() as helm:
        text = helm.template(
            RELEASE, _chart(helm.folder / "karmada"), chart_values(settings, identity), options
        )
    found = [each for each in documents(text, "control plane") if each]
    for manifest in found:
        _plain(manifest, namespace)
    _apart(found, namespace)
    jobs = [each for each in found if each["kind"] == _JOB]
    others = [each for each in found if each["kind"] != _JOB]
    return [_home(namespace), *others, *jobs]


def _apart(manifests: Iterable[dict[str, Any]], namespace: str) -> None:
    """Gives what lives in no namespace a name of the plane's own: a cluster may have several."""
    outside = [each for each in manifests if not probably_namespaced(each["kind"])]
    for manifest in outside:
        manifest["metadata"]["name"] += f"-{namespace}"
        if role := manifest.get("roleRef"):
            role["name"] += f"-{namespace}"


def _chart(place: Path) -> Path:
    """A copy of the chart with the library that it depends on: the module has it without."""
    shutil.copytree(toolchain.asset(ASSET), place)
    for path in (place, *place.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    # It names where Bitnami's is fetched from, at another version.
    (place / "Chart.lock").unlink()
    shutil.copytree(_LIBRARY, place / "charts" / "common")
    return place


def _home(namespace: str) -> dict[str, Any]:
    labels = {naming.MARK: naming.PACKAGE}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}


def _plain(manifest: dict[str, Any], namespace: str) -> None:
    metadata = manifest["metadata"]
    annotations = metadata.get("annotations") or {}
    if annotations.get(_HOOK) and manifest["kind"] == _JOB:
        raise ArgsError(
            f"control plane: found the hook {metadata['name']}; expected none (nothing runs it). "
            "Its cluster has to be a Kubernetes from 1.23"
        )
    kept = {key: value for key, value in annotations.items() if not key.startswith(_HOOK)}
    metadata.pop("annotations", None)
    if kept:
        metadata["annotations"] = kept
    metadata["labels"] = {**(metadata.get("labels") or {}), naming.MARK: naming.PACKAGE}
    if probably_namespaced(manifest["kind"]):
        metadata.setdefault("namespace", namespace)
