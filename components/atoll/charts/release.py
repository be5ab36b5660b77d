"""The component `Release`: a chart with its values, in one cluster."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as kubernetes

from atoll.charts import source as sources
from atoll.charts.resources import ChartValues, ReleasedObjects
from atoll.charts.source import ChartSource
from atoll.core.component import Component
from atoll.core.errors import ArgsError
from atoll.helm import values as layers

DEFAULT_TIMEOUT_SECONDS = 300


class ReleaseArgs(TypedDict):
    """The inputs of a `Release`."""

    source: ChartSource
    """Where the chart comes from."""
    kubernetes: kubernetes.Provider
    """The provider of the cluster."""
    namespace: str
    """Where it lives; it has to be there."""
    values: NotRequired[Sequence[Mapping[str, Any]]]
    """Layers of values, of which a later one wins; maps merge, and their leaves may be outputs."""
    release_name: NotRequired[str]
    """What templates are told that it is called; the component's name unless given."""
    hooks: NotRequired[bool]
    """Whether the chart has hooks: helm itself makes the release then, and the engine sees it as one thing."""
    registry: NotRequired[Mapping[str, Any]]
    """The `reference` of a `Registry` of atoll.registry that `oci` is in, whose login is asked for. Of a release with hooks
    alone, whose `kubernetes` has to be a provider that knows `HelmLogins`."""
    access: NotRequired[pulumi.Input[str]]
    """The cluster's kubeconfig, by which the objects of a release with hooks are looked at."""
    after: NotRequired[Sequence[pulumi.Resource]]
    """What must be there before: the namespace, or what brings it."""
    timeout_seconds: NotRequired[int]
    """How long helm waits for anything of a release with hooks; 300 unless given."""


class Release(Component):
    """A chart with its values in one cluster. Ready when all its objects are.

    Its objects are the engine's own, one by one; those of a chart with hooks are helm's, and a resource of Atoll's looks
    at them in every refresh, which helm.v3.Release by itself does not.
    """

    def __init__(self, name: str, args: ReleaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        sources.require(args["source"], f"release {name}: source")
        if "registry" in args and not args.get("hooks"):
            raise ArgsError(f"release {name}: registry: found one; expected it with hooks alone")
        self._args = args
        self._values = layers.merged(args.get("values", ()))
        inputs: dict[str, Any] = {"source": self._source(), "values": self._values}
        if "registry" in args:
            inputs["registry"] = args["registry"]
        self._checked = ChartValues(self.child("values"), inputs, self.options())
        self._before = [self._checked, *args.get("after", ())]
        self.gate = self._by_helm() if args.get("hooks") else self._by_objects()
        self.ready = self.gate.urn
        self.register_outputs({})

    def _by_objects(self) -> kubernetes.helm.v4.Chart:
        return kubernetes.helm.v4.Chart(
            self.child("chart"),
            name=self._args.get("release_name", self.name),
            resource_prefix=self.name,
            repository_opts=self._repository(pulumi.FileAsset),
            **self._common(),
            opts=self.options(depends_on=self._before, providers=[self._args["kubernetes"]]),
        )

    def _by_helm(self) -> ReleasedObjects:
        args = self._args
        if "access" not in args:
            raise ArgsError(
                f"release {self.name}: access: found none; expected the cluster's kubeconfig (a chart with hooks is "
                "helm's, so its objects are looked at beside it)"
            )
        release = kubernetes.helm.v3.Release(
            self.child("release"),
            name=args.get("release_name", self.name),
            repository_opts=self._repository(str),
            timeout=args.get("timeout_seconds", DEFAULT_TIMEOUT_SECONDS),
            **self._common(),
            opts=self.options(depends_on=self._before, provider=args["kubernetes"]),
        )
        inputs = {
            "access": pulumi.Output.secret(args["access"]),
            "namespace": args["namespace"],
            "release": release.name,
            "revision": release.status.revision,
            "drifted": [],
        }
        return ReleasedObjects(self.child("objects"), inputs, self.options(deleted_with=release))

    def _source(self) -> dict[str, Any]:
        """The source as an input, its password secret."""
        found: dict[str, Any] = dict(self._args["source"])
        if "login" in found:
            found["login"] = {
                **found["login"],
                "password": pulumi.Output.secret(found["login"]["password"]),
            }
        return found

    def _common(self) -> dict[str, Any]:
        source = self._args["source"]
        return {
            "chart": source.get("oci") or sources.reference(source),
            "version": source.get("version"),
            "namespace": self._args["namespace"],
            "values": self._values,
        }

    def _repository(self, file: Any) -> dict[str, Any] | None:
        """Where the chart is asked for, in the SDK's words; `file` makes a path what the SDK takes."""
        source = self._source()
        found: dict[str, Any] = {"repo": source["repository"]} if "repository" in source else {}
        found |= source.get("login", {})
        if "authority" in source:
            found["ca_file"] = file(source["authority"])
        return found or None
