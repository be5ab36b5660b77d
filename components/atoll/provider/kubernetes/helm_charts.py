"""A helm.v4.Chart: the objects that a chart renders to.

Source: provider/pkg/provider/helm/v4/chart.go of pulumi/pulumi-kubernetes.
"""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from atoll.helm import Helm, HelmError
from atoll.kubernetes import Api, identities
from atoll.provider import values
from atoll.provider.kubernetes import connection, groups, helm_inputs
from atoll.provider.kubernetes.construct import Construction
from atoll.provider.kubernetes.groups import Member

_UNSERVED = {
    "postRenderer": "Change the objects by transforms.",
    "verify": "Name the chart by its digest (oci://...@sha256:...).",
    "keyring": "Name the chart by its digest (oci://...@sha256:...).",
}
_POLICY = "helm.sh/resource-policy"
_KEEP = "keep"
_LOOKUP = "lookup"
"""The function of templates that asks the cluster."""


class Chart(Construction):
    """One chart while its objects are made. Its hooks are left out, as the official plugin leaves them out."""

    def is_unknown(self) -> bool:
        """Whether anything is not known yet: nothing is rendered then."""
        return values.has_unknown(self.args.value) or not self.connection.known

    @property
    def default_namespace(self) -> str:
        """The release's namespace."""
        return str(self.args.value.get("namespace") or self.connection.namespace)

    def members(self) -> Iterator[Member]:
        """The rendered objects; what a secret value went into is secret."""
        args = self.args.value
        helm_inputs.refuse(self.request.type, args, _UNSERVED)
        found = helm_inputs.merged(args)
        hidden = helm_inputs.texts(args, self._secret_values())
        text = self._rendered(args, found)
        for member in groups.parsed(text, f"chart {args['chart']}"):
            yield helm_inputs.marked(member, hidden)

    def options(self, member: Member) -> dict[str, Any]:
        """An object that its chart wants to be kept is not deleted with the release."""
        policy = (identities.metadata(member.manifest).get("annotations") or {}).get(_POLICY)
        return {"retainOnDelete": True} if policy == _KEEP else {}

    def _secret_values(self) -> frozenset[values.Path]:
        kept = {"values", "valueYamlFiles"}
        return frozenset(path for path in self.args.secrets if path[:1] and path[0] in kept)

    def _rendered(self, args: dict[str, Any], found: dict[str, Any]) -> str:
        api = self.connection.api if self.connection.problem is None else None
        kubeconfig = connection.kubeconfig(self.connection.settings).text() if api else ""
        options = ["--namespace", self.default_namespace, "--no-hooks"]
        options += [] if args.get("skipCrds") else ["--include-crds"]
        options += ["--dependency-update"] if args.get("dependencyUpdate") else []
        with Helm(kubeconfig, self.engine.cancelled) as helm:
            try:
                chart = helm.fetched(helm_inputs.chart(args))
                options += _surroundings(api, chart) if api else []
                name = str(args.get("name") or self.request.name)
                return helm.template(name, chart, found, options)
            except HelmError as error:
                raise HelmError(f"chart {args['chart']}: {error}") from error


def _surroundings(api: Api, chart: Path) -> list[str]:
    """What templates see of the cluster.

    Only those that look things up are rendered with the server's help: helm then maps every object to a kind that
    is served already, and one whose definition comes with the chart is none.
    """
    if _looks_up(chart):
        return ["--dry-run=server", "--take-ownership", "--disable-openapi-validation"]
    version = str(api.request("GET", "/version")["gitVersion"])
    return ["--kube-version", version, "--api-versions", ",".join(api.served())]


def _looks_up(chart: Path) -> bool:
    return any(_LOOKUP in text for text in _templates(chart))


def _templates(chart: Path) -> Iterator[str]:
    """The templates of a chart, in a folder or an archive, and of all its parts."""
    if chart.is_dir():
        for path in chart.rglob("*"):
            if path.is_file() and path.suffix == ".tgz":
                yield from _templates(path)
            elif path.is_file() and "templates" in path.relative_to(chart).parts:
                yield path.read_text(encoding="utf-8", errors="replace")
    elif chart.is_file():
        with tarfile.open(chart) as archive:
            for member in archive:
                stream = archive.extractfile(member) if "/templates/" in member.name else None
                if stream:
                    yield stream.read().decode(errors="replace")
