"""The calls of the engine about a helm.v3.Release.

Source: provider/pkg/provider/helm_release.go of pulumi/pulumi-kubernetes. Unlike it, a change of values by others is
seen by Read, which looks at Helm's storage as it does; its objects are looked at by nobody here.
"""

import hashlib
from pathlib import Path
from typing import Any

from google.protobuf import empty_pb2

from atoll.core.errors import ArgsError, AtollError, UnavailableError
from atoll.helm import Helm, HelmError, Release, storage
from atoll.kubernetes import Api, ApiError, identities
from atoll.provider import autonaming, diffs, protocol, server, values
from atoll.provider.engine import Engine
from atoll.provider.kubernetes import (
    assets,
    connection,
    groups,
    helm_actions,
    helm_inputs,
    hiding,
    kinds,
)
from atoll.provider.kubernetes.helm_actions import Wanted
from atoll.provider.plugin import InitFailedError

_UNSERVED = {
    "allowNullValues": "Name the defaults that are to go as null in a file of valueYamlFiles.",
    "disableCRDHooks": "Helm 4 knows no such hooks; disableWebhooks runs none at all.",
    "keyring": "Name the chart by its digest (oci://...@sha256:...).",
    "lint": "Run: helm lint --strict CHART",
    "manifest": "It is an output.",
    "postrender": "Use helm.v4.Chart and change its objects by transforms.",
    "recreatePods": "Give the pods an annotation that changes.",
    "verify": "Name the chart by its digest (oci://...@sha256:...).",
}
_SDK = ("compat", "valueYamlFiles")
"""What the SDK sends and no state keeps: files are merged into the values."""
_INPUTS = "__inputs"
_COMPUTED = ("checksum", "resourceNames")
_MOVES = ("name", "namespace")
_PATHS = ("caFile", "certFile", "keyFile")


class Releases:
    """One provider's releases."""

    def __init__(self, cluster: connection.Connection, engine: Engine) -> None:
        self._cluster, self._engine = cluster, engine

    def check(self, request: Any) -> Any:
        """Makes the inputs complete, and renders the chart to see what it would change."""
        declared = values.decode(assets.read(request.news))
        old = values.plain(request.olds)
        with hiding.errors(declared):
            helm_inputs.refuse(kinds.RELEASE, declared.value, _UNSERVED)
            inputs = self._complete(request, declared.value, old)
            if not values.has_unknown(inputs):
                try:
                    inputs |= self._computed(request.urn, inputs)
                except HelmError as error:
                    reason = hiding.hidden(f"chart: {server.line(error)}", declared)
                    failure = protocol.provider.CheckFailure(reason=reason)
                    return protocol.provider.CheckResponse(failures=[failure])
        secrets = declared.secrets | (
            {("values",)} if any(path[0] == "valueYamlFiles" for path in declared.secrets) else set()
        )
        return protocol.provider.CheckResponse(inputs=values.encode(inputs, secrets))

    def diff(self, request: Any) -> Any:
        """Compares what was declared with what is declared now."""
        old, new = values.plain(request.old_inputs), values.plain(request.news)
        for name in _COMPUTED:
            if name in request.ignoreChanges and name in old:
                new[name] = old[name]
        found = [(path, change, path[0] in _MOVES) for path, change in diffs.changes(old, new)]
        return diffs.response(found, delete_first=False)

    def create(self, request: Any) -> Any:
        """Installs."""
        inputs = values.decode(request.properties)
        answer = protocol.provider.CreateResponse
        if request.preview:
            return answer(properties=_state(inputs, {"status": values.UNKNOWN}))
        properties = self._written(request.urn, inputs, request.properties, new=True)
        return answer(id=_identifier(inputs.value), properties=properties)

    def update(self, request: Any) -> Any:
        """Upgrades."""
        inputs = values.decode(request.news)
        answer = protocol.provider.UpdateResponse
        if request.preview:
            return answer(properties=_state(inputs, {"status": values.UNKNOWN}))
        return answer(properties=self._written(request.urn, inputs, request.news, new=False))

    def read(self, request: Any) -> Any:
        """Compares with what helm keeps of the release."""
        inputs = values.decode(request.inputs)
        namespace, _, name = request.id.rpartition("/")
        try:
            found = storage.latest(self._cluster.api, namespace or self._cluster.namespace, name)
        except ApiError as error:
            raise AtollError(f"release {request.id}: cannot be read: {error}") from error
        if found is None:
            return protocol.provider.ReadResponse()
        seen = values.Decoded(_seen(inputs.value, found), inputs.secrets)
        properties, declared = _state(seen, _outputs(found)), values.encode(seen.value, seen.secrets)
        if inputs.value and found.status != storage.DEPLOYED:
            reason = (
                f"release {request.id}: found it {found.status} ({found.description}); expected it deployed"
            )
            raise InitFailedError(request.id, properties, declared, (reason,))
        return protocol.provider.ReadResponse(id=request.id, properties=properties, inputs=declared)

    def delete(self, request: Any) -> Any:
        """Uninstalls."""
        inputs = values.plain(request.old_inputs)
        api = self._cluster.api
        wanted = Wanted(request.urn, inputs, helm_inputs.chart(inputs))
        if storage.latest(api, wanted.namespace, wanted.name) is not None:
            with self._helm() as helm:
                helm_actions.remove(helm, wanted)
        return empty_pb2.Empty()

    def _complete(self, request: Any, declared: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
        inputs = {name: value for name, value in declared.items() if name not in (*_SDK, *_COMPUTED)}
        if not values.has_unknown([declared.get("valueYamlFiles"), declared.get("values")]):
            inputs["values"] = helm_inputs.merged(declared)
        if not inputs.get("name"):
            inputs["name"] = old.get("name") or autonaming.new_name(request, "name")
        if not inputs.get("namespace"):
            known = self._cluster.namespace if self._cluster.known else "default"
            inputs["namespace"] = old.get("namespace") or known
        if not inputs.get("skipAwait"):
            inputs.setdefault("timeout", helm_actions.DEFAULT_SECONDS)
        return inputs

    def _computed(self, urn: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """What the chart renders to, by its digest and the names of its objects."""
        registries = self._cluster.settings.registries
        with Helm(cancelled=self._engine.cancelled, registries=registries) as helm:
            text = helm_actions.rendered(helm, Wanted(urn, inputs, _chart(inputs)))
        return {"checksum": hashlib.sha256(text.encode()).hexdigest(), "resourceNames": names(text)}

    def _written(self, urn: str, inputs: values.Decoded, raw: Any, *, new: bool) -> Any:
        """The state of a release that was just written."""
        api = self._cluster.api
        wanted = Wanted(urn, inputs.value, _chart(inputs.value))
        with hiding.errors(inputs), self._helm() as helm:
            before = storage.latest(api, wanted.namespace, wanted.name)
            self._engine.report(urn, f"helm is at {wanted.label}")
            try:
                helm_actions.write(helm, api, wanted, new=new)
            except HelmError as error:
                self._failed(api, wanted, inputs, raw, (before, error))
            found = storage.latest(api, wanted.namespace, wanted.name)
            if found is None:
                raise AtollError(
                    f"{wanted.label}: found nothing of it after helm was done; expected a release"
                )
            return _state(inputs, _outputs(found))

    def _failed(
        self,
        api: Api,
        wanted: Wanted,
        inputs: values.Decoded,
        raw: Any,
        failure: tuple[Release | None, HelmError],
    ) -> None:
        """Ends a write that failed: what helm keeps of it is kept in the state, so that nothing is orphaned."""
        before, error = failure
        try:
            after = storage.latest(api, wanted.namespace, wanted.name)
        except UnavailableError:
            after = before
            outputs: dict[str, Any] = {}
        else:
            if after is None or (before and after.revision == before.revision):
                raise HelmError(f"{wanted.label}: {error}") from error
            outputs = _outputs(after)
        reason = hiding.hidden(f"{wanted.label}: {server.line(error)}", inputs)
        state = _state(inputs, outputs)
        raise InitFailedError(_identifier(wanted.inputs), state, raw, (reason,)) from error

    def _helm(self) -> Helm:
        settings = self._cluster.settings
        return Helm(connection.kubeconfig(settings).text(), self._engine.cancelled, settings.registries)


def _chart(inputs: dict[str, Any]) -> Any:
    """The chart, its certificates read from their files."""
    options = dict(inputs.get("repositoryOpts") or {})
    for name in _PATHS:
        if path := options.get(name):
            try:
                options[name] = Path(path).read_text(encoding="utf-8")
            except OSError as error:
                raise ArgsError(
                    f"repositoryOpts.{name}: found {path!r} ({error.strerror}); expected a readable file"
                ) from error
    return helm_inputs.chart({**inputs, "repositoryOpts": options})


def _identifier(inputs: dict[str, Any]) -> str:
    return f"{inputs['namespace']}/{inputs['name']}"


def names(text: str) -> dict[str, list[str]]:
    """The names of rendered objects by kind, group and version: `Deployment.apps/apps/v1`."""
    found: dict[str, set[str]] = {}
    for member in groups.parsed(text, "chart"):
        group, kind = identities.group_kind(member.manifest)
        key = f"{kind}.{group}" if group else kind
        label = f"{key}/{member.manifest['apiVersion']}"
        found.setdefault(label, set()).add(identities.identifier(member.manifest))
    return {key: sorted(names) for key, names in sorted(found.items())}


def _seen(declared: dict[str, Any], found: Release) -> dict[str, Any]:
    """The inputs as the release has them; those that would declare it where nothing was declared (an import)."""
    if not declared:
        return {
            "chart": found.chart,
            "name": found.name,
            "namespace": found.namespace,
            "timeout": helm_actions.DEFAULT_SECONDS,
            "values": found.values,
            "version": found.version,
        }
    return {**declared, "values": found.values} if _differ(declared, found) else dict(declared)


def _differ(declared: dict[str, Any], found: Release) -> bool:
    # Values that were reused are not declared.
    return not declared.get("reuseValues") and (declared.get("values") or {}) != found.values


def _outputs(found: Release) -> dict[str, Any]:
    status = {
        "appVersion": found.app_version,
        "chart": found.chart,
        "name": found.name,
        "namespace": found.namespace,
        "revision": found.revision,
        "status": found.status,
        "version": found.version,
    }
    return {"version": found.version, "resourceNames": names(found.manifest), "status": status}


def _state(inputs: values.Decoded, outputs: dict[str, Any]) -> Any:
    kept = {**inputs.value, **outputs, _INPUTS: inputs.value}
    return values.encode(kept, inputs.secrets | {(_INPUTS,)})
