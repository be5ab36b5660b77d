"""The calls of the engine about Kubernetes objects: each taken apart, handed on, and its answer put together."""

import os
from functools import partial
from typing import Any

from google.protobuf import empty_pb2

from atoll.core.errors import AtollError, UnavailableError
from atoll.provider import diffs, protocol, server, values, versions
from atoll.provider.engine import Engine
from atoll.provider.kubernetes import (
    annotations,
    applying,
    checking,
    connection,
    construct,
    deleting,
    hiding,
    kinds,
    manifests,
    readiness,
    reading,
    settings,
    state,
    trying,
    waiting,
    writing,
)
from atoll.provider.kubernetes.manifests import Manifest
from atoll.provider.plugin import InitFailedError, Plugin


class KubernetesPlugin(Plugin):
    """Serves the objects of one cluster."""

    name = "kubernetes"
    version = versions.KUBERNETES

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._connection = connection.Connection(settings.Settings())
        self._warned = False

    @property
    def _settings(self) -> settings.Settings:
        return self._connection.settings

    def check_config(self, request: Any) -> Any:
        """Refuses settings that the stand-in does not serve."""
        failures = [
            protocol.provider.CheckFailure(reason=problem)
            for problem in settings.problems(values.plain(request.news))
        ]
        return protocol.provider.CheckResponse(inputs=request.news, failures=failures)

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
        declared = state.read_inputs(request.news)
        if refusal := kinds.refusal(request.type, declared.value):
            raise refusal
        old = state.read_inputs(request.olds).value
        complete = checking.complete(request, declared.value, old, self._connection)
        inputs = state.write_inputs(values.Decoded(complete, declared.secrets))
        return protocol.provider.CheckResponse(inputs=inputs)

    def diff(self, request: Any) -> Any:
        """Compares what was declared with what is declared now."""
        old, new = state.read_inputs(request.old_inputs).value, state.read_inputs(request.news).value
        self._warn_once(request.urn)
        if self._lives_in_no_namespace(new):
            old, new = _without_namespace(old), _without_namespace(new)
        found = [
            (path, change, kinds.replaces(path, new, self._settings.mutable))
            for path, change in diffs.changes(old, new)
        ]
        same = manifests.identifier(old) == manifests.identifier(new)
        named = not annotations.is_true(new, annotations.AUTONAMED)
        return diffs.response(found, delete_first=same and named)

    def create(self, request: Any) -> Any:
        """Writes a new object and waits until it is ready."""
        task = self._task(request, request.properties, applying.NOTHING)
        with hiding.errors(task.inputs):
            if request.preview:
                shown = trying.created(self._connection, task)
                return protocol.provider.CreateResponse(properties=shown)
            identifier, properties = applying.create(self._connection.api, task)
        return protocol.provider.CreateResponse(id=identifier, properties=properties)

    def update(self, request: Any) -> Any:
        """Writes an object anew and waits until it is ready."""
        task = self._task(request, request.news, state.read(request.olds))
        answer = protocol.provider.UpdateResponse
        with hiding.errors(task.inputs):
            if request.preview:
                old = state.read_inputs(request.old_inputs).value
                return answer(properties=trying.updated(self._connection, task, old))
            if self._settings.skip_unreachable and self._connection.problem:
                self.engine.warn(request.urn, f"left as it is: {self._connection.problem}")
                return answer(properties=request.olds)
            return answer(properties=applying.update(self._connection.api, task))

    def read(self, request: Any) -> Any:
        """Compares with the live object; where no server answers, the state does, with a warning."""
        saved, inputs = state.read(request.properties), state.read_inputs(request.inputs)
        manager = saved.manager or writing.manager_of(inputs.value, request.urn)
        named = reading.named(*kinds.type_of(_token(request)), request.id, saved)
        try:
            seen = reading.look(self._connection.api, named, saved, inputs, manager)
        except UnavailableError as error:
            if not (inputs.value or saved.live):
                raise
            return self._unread(request, error)
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
        problem = self._connection.problem
        if problem is not None and self._settings.delete_unreachable:
            self.engine.warn(request.urn, f"forgotten, not deleted: {server.line(problem)}")
        else:
            wait = self._wait(request, declared or saved.live, readiness.PATIENCE)
            deleting.delete(self._connection.api, saved, declared or saved.live, wait)
        return empty_pb2.Empty()

    def construct(self, request: Any) -> Any:
        """Makes the objects of a ConfigGroup."""
        return construct.Group(request, self._connection, self.engine).construct()

    def _task(self, request: Any, raw: Any, saved: state.Saved) -> applying.Task:
        inputs = state.read_inputs(raw)
        wait = self._wait(request, inputs.value, readiness.patience(inputs.value))
        return applying.Task(request.urn, inputs, raw, saved, wait, self._settings)

    def _wait(self, request: Any, manifest: Manifest, default: float) -> waiting.Wait:
        limit = annotations.time_limit(manifest, request.timeout, default)
        return waiting.Wait(limit, partial(self.engine.report, request.urn), self.engine.cancelled)

    def _lives_in_no_namespace(self, manifest: Manifest) -> bool:
        if not self._connection.known or values.has_unknown(
            [manifest.get("apiVersion"), manifest.get("kind")]
        ):
            return False
        try:
            return self._connection.namespaced(manifest) is False
        except AtollError:
            return False

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


def _token(request: Any) -> str:
    """A resource's type; it is the last in the URN's chain of parents."""
    return str(request.type or request.urn.split("::")[2].rsplit("$", 1)[-1])


def _without_namespace(manifest: Manifest) -> Manifest:
    if not isinstance(manifest.get("metadata"), dict):
        return manifest
    kept = {key: value for key, value in manifest["metadata"].items() if key != "namespace"}
    return {**manifest, "metadata": kept}
