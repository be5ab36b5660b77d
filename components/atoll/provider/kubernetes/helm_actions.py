"""What helm does to one release: installs it, upgrades it, takes it away, and ends what a killed helm left.

A release of ours carries a label, by which one that was written and never recorded is taken up again.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from atoll.core.errors import RefusedError
from atoll.helm import Chart, Helm, Release, program, storage
from atoll.kubernetes import Api

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_SECONDS = 300
"""How long helm waits for anything unless told. Source: defaultTimeoutSeconds of the official plugin."""
_LABEL = "pulumi.com/resource"
_GRACE = timedelta(minutes=5)
"""What helm may take beyond the waits that its own limit ends: it waits for hooks and objects one after another."""
_BOTH = {
    "atomic": "--rollback-on-failure",
    "createNamespace": "--create-namespace",
    "dependencyUpdate": "--dependency-update",
    "disableOpenapiValidation": "--disable-openapi-validation",
    "disableWebhooks": "--no-hooks",
    "renderSubchartNotes": "--render-subchart-notes",
    "skipCrds": "--skip-crds",
    "takeOwnership": "--take-ownership",
}
_UPGRADE = {
    "cleanupOnFail": "--cleanup-on-fail",
    "resetValues": "--reset-values",
    "reuseValues": "--reuse-values",
}


@dataclass(frozen=True)
class Wanted:
    """One release as it is to be: `inputs` are those of the resource, `urn` is whose it is."""

    urn: str
    inputs: dict[str, Any]
    chart: Chart

    @property
    def name(self) -> str:
        """The release's name."""
        return str(self.inputs["name"])

    @property
    def namespace(self) -> str:
        """The release's namespace."""
        return str(self.inputs["namespace"])

    @property
    def label(self) -> str:
        """How errors call it."""
        return f"release {self.namespace}/{self.name}"

    def owns(self, release: Release) -> bool:
        """Whether a release was written for this resource."""
        return release.labels.get(_LABEL) == self._mark

    @property
    def limit(self) -> timedelta:
        """How long helm may take in all."""
        return timedelta(seconds=int(self.inputs.get("timeout") or DEFAULT_SECONDS)) * 2 + _GRACE

    @property
    def _mark(self) -> str:
        return hashlib.sha256(self.urn.encode()).hexdigest()[:16]

    @property
    def placed(self) -> list[str]:
        """The words for where it is and how long anything is waited for."""
        seconds = int(self.inputs.get("timeout") or DEFAULT_SECONDS)
        waits = self.inputs.get("atomic") or not self.inputs.get("skipAwait")
        # helm's own word for not waiting: its hooks are waited for in any case.
        return [
            "--namespace",
            self.namespace,
            f"--wait={'legacy' if waits else 'hookOnly'}",
            f"--timeout={seconds}s",
        ]

    def words(self, *, upgrade: bool) -> list[str]:
        """The words for everything that the inputs ask for."""
        flags = _BOTH | (_UPGRADE if upgrade else {"replace": "--replace"})
        found = [*self.placed, *(flag for name, flag in flags.items() if self.inputs.get(name))]
        if self.inputs.get("waitForJobs") and not self.inputs.get("skipAwait"):
            found.append("--wait-for-jobs")
        if self.inputs.get("description"):
            found.append(f"--description={self.inputs['description']}")
        if upgrade:
            found += ["--install", f"--history-max={self.inputs.get('maxHistory', 0)}"]
            # What somebody else changed is put back, as the official plugin does by its merges on the client.
            forced = ["--force-replace", "--server-side=false"]
            found += forced if self.inputs.get("forceUpdate") else ["--force-conflicts"]
        return [*found, f"--labels={_LABEL}={self._mark}"]


def rendered(helm: Helm, wanted: Wanted) -> str:
    """The manifests of a release with its hooks and definitions, as no cluster sees them."""
    options = ["--namespace", wanted.namespace]
    options += [] if wanted.inputs.get("skipCrds") else ["--include-crds"]
    options += ["--no-hooks"] if wanted.inputs.get("disableWebhooks") else []
    options += ["--dependency-update"] if wanted.inputs.get("dependencyUpdate") else []
    return helm.template(wanted.name, helm.fetched(wanted.chart), wanted.inputs.get("values") or {}, options)


def write(helm: Helm, api: Api, wanted: Wanted, *, new: bool) -> None:
    """Installs or upgrades; `new` says that no state knows of it yet.

    Raises:
        RefusedError: somebody else's release has the name.
        HelmError: it failed.
    """
    kept = storage.revisions(api, wanted.namespace, wanted.name)
    if kept and new and not (wanted.owns(kept[-1]) or wanted.inputs.get("replace")):
        raise RefusedError(
            f"{wanted.label}: already exists in the cluster; expected a free name. "
            f"Import it (pulumi import), or take it away: helm uninstall {wanted.name} --namespace {wanted.namespace}"
        )
    if kept and kept[-1].is_pending:
        kept = _settled(helm, wanted, kept)
    upgrade = bool(kept) and not (new and wanted.inputs.get("replace") and not wanted.owns(kept[-1]))
    verb = "upgrade" if upgrade else "install"
    words: list[str | Path] = [
        verb,
        wanted.name,
        helm.fetched(wanted.chart),
        "--values",
        "-",
        *wanted.words(upgrade=upgrade),
    ]
    helm.run(*words, stdin=program.written(wanted.inputs.get("values") or {}), timeout=wanted.limit)


def remove(helm: Helm, wanted: Wanted) -> None:
    """Uninstalls; it being gone already is no error."""
    hooks = ["--no-hooks"] if wanted.inputs.get("disableWebhooks") else []
    words = ["uninstall", wanted.name, *wanted.placed, "--ignore-not-found", *hooks]
    helm.run(*words, timeout=wanted.limit)


def _settled(helm: Helm, wanted: Wanted, kept: list[Release]) -> list[Release]:
    """Ends what a killed helm left half done, which lets no other begin; returns what is there then."""
    sound = [each for each in kept if each.status in {storage.DEPLOYED, storage.SUPERSEDED}]
    if not sound:
        remove(helm, wanted)
        return []
    helm.run("rollback", wanted.name, str(sound[-1].revision), *wanted.placed, timeout=wanted.limit)
    return sound
