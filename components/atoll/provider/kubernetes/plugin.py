"""The calls of the engine about Kubernetes objects: each taken apart, handed on, and its answer put together."""

import os
from functools import partial
from typing import Any

from google.protobuf import empty_pb2

from atoll.core.errors import AtollError, RefusedError, UnavailableError
from atoll.kubernetes import Api, identities
from atoll.provider import diffs, protocol, server, values, versions
from atoll.provider.engine import Engine
from atoll.provider.kubernetes import (
    annotations,
    applying,
    checking,
    connection,
    deleting,
    hiding,
    kinds,
    patching,
    readiness,
    reading,
    settings,
    state,
    trying,
    unready,
    waiting,
    writing,
)
from atoll.provider.kubernetes.config_groups import ConfigGroup
from atoll.provider.kubernetes.construct import Construction
from atoll.provider.kubernetes.helm_charts import Chart
from atoll.provider.kubernetes.helm_releases import Releases
from atoll.provider.kubernetes.manifests import Manifest
from atoll.provider.plugin import InitFailedError, Plugin

_HOOKS = (
    "it carries a Helm hook (helm.sh/hook): it is made as any object is, and the hook does not run. "
    "To be told no more: suppress_helm_hook_warnings"
)


_DEPRECATED = "deprecated"
_COMPONENTS: dict[str, type[Construction]] = {
    kinds.CONFIG_GROUP: ConfigGroup,
    kinds.CHART: Chart,
}


class KubernetesPlugin(Plugin):
    """Serves the objects of one cluster."""

    name = "kubernetes"
    version = versions.KUBERNETES

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._connection = connection.Connection(settings.Settings())
        self._warned = False
        self._made: dict[str, str] = {}

    @property
    def _settings(self) -> settings.Settings:
        return self._connection.settings

    @property
    def _releases(self) -> Releases:
        return Releases(self._connection, self.engine)

    def close(self) -> None:
        """Closes the connections to the cluster."""
        self._connection.close()

    def check_config(self, request: Any) -> Any:
        """Refuses settings that the stand-in does not serve."""
        failures = [
            protocol.provider.CheckFailure(reason=problem)
            for problem in settings.problems(values.plain(request.news))
        ]
        return protocol.provider.CheckResponse(inputs=values.whole(request.news), failures=failures)

    def diff_config(self, request: Any) -> Any:
        """Says whether new settings mean another cluster, in which every object has to be made anew."""
        old, new = values.plain(request.olds), values.plain(request.news)
        changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        answers = protocol.provider.DiffResponse
        return answers(
            changes=answers.DIFF_SOME if changed else answers.DIFF_NONE,
            diffs=changed,
            replaces=connection.replacing(old, new, changed),
        )

    def configure(self, request: Any) -> Any:
        """Takes the settings; the cluster is asked when it is needed."""
        self._connection = connection.Connection(settings.read(request.variables, os.environ))
        return super().configure(request)

    def check(self, request: Any) -> Any:
        """Makes a declared object complete."""
        old = state.read_inputs(request.olds).value
        if old and self._is_skipped(request.urn):
            return protocol.provider.CheckResponse(inputs=request.olds)
        if _is_release(request):
            return self._releases.check(request)
        declared = state.read_inputs(request.news)
        if refusal := kinds.refusal(request.type, declared.value):
            raise refusal
        if checking.has_hooks(declared.value) and not self._settings.quiet_hooks:
            self.engine.warn(request.urn, _HOOKS)
        complete = checking.complete(request, declared.value, old, self._connection)
        inputs = state.write_inputs(values.Decoded(complete, declared.secrets))
        return protocol.provider.CheckResponse(inputs=inputs)

    def diff(self, request: Any) -> Any:
        """Compares what was declared with what is declared now."""
        self._warn_once(request.urn)
        if _is_release(request):
            return self._releases.diff(request)
        old, new = state.read_inputs(request.old_inputs).value, state.read_inputs(request.news).value
        if self._lives_in_no_namespace(new):
            old, new = _without_namespace(old), _without_namespace(new)
        patch = kinds.is_patch(_token(request), new)
        found = [
            (path, change, kinds.moves(path) if patch else kinds.replaces(path, new, self._settings.mutable))
            for path, change in diffs.changes(old, new)
        ]
        if annotations.is_true(new, annotations.REPLACE_UNREADY):
            found += unready.changes(self._connection, state.read(request.olds).live)
        same = identities.identifier(old) == identities.identifier(new)
        named = not annotations.is_true(new, annotations.AUTONAMED)
        return diffs.response(found, delete_first=same and named)

    def create(self, request: Any) -> Any:
        """Writes a new object and waits until it is ready."""
        if _is_release(request):
            return self._releases.create(request)
        task = self._task(request, request.properties, applying.NOTHING)
        with hiding.errors(task.inputs):
            if request.preview:
                shown = trying.created(self._connection, task)
                return protocol.provider.CreateResponse(properties=shown)
            identifier, properties = self._create(task)
        return protocol.provider.CreateResponse(id=identifier, properties=properties)

    def _create(self, task: applying.Task) -> tuple[str, Any]:
        """Creates, and remembers which object it was: it may be the one that it was to replace."""
        try:
            identifier, properties = applying.create(self._api(task.urn), task)
        except InitFailedError as error:
            self._made[task.urn] = state.read(error.detail.properties).uid
            raise
        self._made[task.urn] = state.read(properties).uid
        return identifier, properties

    def update(self, request: Any) -> Any:
        """Writes an object anew and waits until it is ready."""
        if _is_release(request):
            return self._releases.update(request)
        task = self._task(request, request.news, state.read(request.olds), tuple(request.ignoreChanges))
        answer = protocol.provider.UpdateResponse
        with hiding.errors(task.inputs):
            if request.preview:
                old = state.read_inputs(request.old_inputs).value
                return answer(properties=trying.updated(self._connection, task, old))
            return answer(properties=applying.update(self._api(task.urn), task))

    def read(self, request: Any) -> Any:
        """Compares with the live object; where no server answers, the state does, with a warning."""
        try:
            return self._releases.read(request) if _is_release(request) else self._read(request)
        except UnavailableError as error:
            if not (request.inputs.fields or request.properties.fields):
                raise
            return self._unread(request, error)

    def _read(self, request: Any) -> Any:
        saved, inputs = state.read(request.properties), state.read_inputs(request.inputs)
        manager = saved.manager or writing.manager_of(inputs.value, request.urn)
        named = reading.named(*kinds.type_of(_token(request)), request.id, saved)
        wait = self._waiting(request.urn, reading.LEAVING_SECONDS)
        seen = reading.look(self._connection.api, named, saved, inputs, manager, wait)
        if seen is None:
            return protocol.provider.ReadResponse()
        properties = state.write(seen.inputs, seen.live, manager, saved.initial_version)
        declared = state.write_inputs(seen.inputs)
        if seen.missing:
            # The engine keeps the reason, so that the next update waits for the object again.
            raise InitFailedError(request.id, properties, declared, (seen.missing,))
        return protocol.provider.ReadResponse(id=request.id, properties=properties, inputs=declared)

    def delete(self, request: Any) -> Any:
        """Deletes an object and waits until it is gone."""
        saved, declared = state.read(request.properties), state.read_inputs(request.old_inputs).value
        if saved.uid and self._made.get(request.urn) == saved.uid:
            # A replacement that the engine made first found its own object in place and took it up (`up --replace`).
            self.engine.warn(request.urn, "changed in place: its replacement has the same name")
            return empty_pb2.Empty()
        problem = self._connection.problem
        if problem is not None and self._settings.delete_unreachable:
            self.engine.warn(request.urn, f"forgotten, not deleted: {server.line(problem)}")
        elif _is_release(request):
            self._releases.delete(request)
        else:
            self._delete(request, saved, declared or saved.live)
        return empty_pb2.Empty()

    def _delete(self, request: Any, saved: state.Saved, declared: Manifest) -> None:
        wait = self._wait(request, declared, readiness.PATIENCE)
        if kinds.is_patch(_token(request), declared):
            patching.relinquish(wait.patient(self._connection.api), saved)
        else:
            deleting.delete(self._connection.api, saved, declared, wait)

    def construct(self, request: Any) -> Any:
        """Makes the objects of a component."""
        component = _COMPONENTS.get(request.type)
        if component is None:
            raise RefusedError(
                f"{request.type}: found a component that the stand-in for pulumi-resource-kubernetes does not "
                f"serve; expected one of: {', '.join(_COMPONENTS)}. Use the official plugin for it."
            )
        return component(request, self._connection, self.engine).construct()

    def _task(
        self, request: Any, raw: Any, saved: state.Saved, ignored: tuple[str, ...] = ()
    ) -> applying.Task:
        inputs = state.read_inputs(raw)
        wait = self._wait(request, inputs.value, readiness.patience(inputs.value))
        patch = kinds.is_patch(_token(request), inputs.value)
        return applying.Task(request.urn, inputs, raw, saved, wait, self._settings, patch, ignored)

    def _wait(self, request: Any, manifest: Manifest, default: float) -> waiting.Wait:
        return self._waiting(request.urn, annotations.time_limit(manifest, request.timeout, default))

    def _waiting(self, urn: str, limit: float) -> waiting.Wait:
        return waiting.Wait(limit, partial(self.engine.report, urn), self.engine.cancelled)

    def _lives_in_no_namespace(self, manifest: Manifest) -> bool:
        if not self._connection.known or values.has_unknown(
            [manifest.get("apiVersion"), manifest.get("kind")]
        ):
            return False
        try:
            return self._connection.namespaced(manifest) is False
        except AtollError:
            return False

    def _api(self, urn: str) -> Api:
        """The cluster's API, whose word on deprecated API versions is shown beside an object."""
        api = self._connection.api
        if self._settings.quiet_deprecations:
            return api
        heard: set[str] = set()

        def told(text: str) -> None:
            # It is said with every answer.
            if _DEPRECATED in text and text not in heard:
                heard.add(text)
                self.engine.warn(urn, text)

        return api.telling(told)

    def _is_skipped(self, urn: str) -> bool:
        """Whether an object stays as it was declared before, since its cluster does not answer."""
        if not (self._settings.skip_unreachable and self._connection.known):
            return False
        problem = self._connection.problem
        if problem is not None:
            self.engine.warn(urn, f"left as it is: {server.line(problem)}")
        return problem is not None

    def _warn_once(self, urn: str) -> None:
        """Says beside the first of a cluster's objects that it does not answer."""
        if self._warned or not self._connection.known:
            return
        problem = self._connection.problem
        if problem is not None:
            self._warned = True
            self.engine.warn(urn, f"compared with the state alone: {server.line(problem)}")

    def _unread(self, request: Any, error: AtollError) -> Any:
        if self._settings.delete_unreachable:
            self.engine.warn(request.urn, f"taken to be gone: {server.line(error)}")
            return protocol.provider.ReadResponse()
        self.engine.warn(request.urn, f"not compared with what is there: {server.line(error)}")
        answer = protocol.provider.ReadResponse
        return answer(id=request.id, properties=request.properties, inputs=request.inputs)


def _is_release(request: Any) -> bool:
    return _token(request) == kinds.RELEASE


def _token(request: Any) -> str:
    """A resource's type; it is the last in the URN's chain of parents."""
    return str(request.type or request.urn.split("::")[2].rsplit("$", 1)[-1])


def _without_namespace(manifest: Manifest) -> Manifest:
    if not isinstance(manifest.get("metadata"), dict):
        return manifest
    kept = {key: value for key, value in manifest["metadata"].items() if key != "namespace"}
    return {**manifest, "metadata": kept}
