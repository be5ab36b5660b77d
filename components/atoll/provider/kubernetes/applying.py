"""One write that the engine asked for, to its end: after it was sent, whatever happens leaves a state behind."""

from dataclasses import dataclass
from typing import Any

from atoll.core.errors import AtollError
from atoll.kubernetes import Api
from atoll.provider import server, values
from atoll.provider.kubernetes import (
    annotations,
    conditions,
    hiding,
    manifests,
    readiness,
    state,
    waiting,
    writing,
)
from atoll.provider.kubernetes.manifests import Manifest
from atoll.provider.kubernetes.settings import Settings
from atoll.provider.plugin import InitFailedError

NOTHING = state.Saved({}, "", "")
"""The state of what is yet to be created."""


@dataclass(frozen=True)
class Task:
    """What the engine wants written: `raw` are the inputs in its words, `saved` is the state of before."""

    urn: str
    inputs: values.Decoded
    raw: Any
    saved: state.Saved
    wait: waiting.Wait
    settings: Settings

    @property
    def manager(self) -> str:
        """The field manager to write as: the annotated one, else that of before."""
        named = annotations.value(self.inputs.value, annotations.FIELD_MANAGER)
        return named or self.saved.manager or writing.manager_of(self.inputs.value, self.urn)

    @property
    def order(self) -> writing.Order:
        """The write."""
        forced = self.settings.force or annotations.is_true(self.inputs.value, annotations.PATCH_FORCE)
        former = self.saved.manager or None
        return writing.Order(self.inputs.value, self.manager, forced, self.saved.uid, former)

    def state(self, live: Manifest, manager: str = "") -> Any:
        """The state that the task leaves, with an object as it is or may be."""
        return state.write(self.inputs, live, manager or self.manager, self.saved.initial_version)


def create(api: Api, task: Task) -> tuple[str, Any]:
    """Writes a new object and waits until it is ready; returns its id and state.

    Raises:
        InitFailedError: it was written, or may have been, and is not ready.
        AtollError: it was not written.
    """
    ready = rule(task.inputs.value)
    if not task.settings.upsert:
        writing.must_be_free(api, task.inputs.value, task.manager, task.wait)
    try:
        live = writing.create(api, task.order, task.wait)
    except writing.LostAnswerError as error:
        raise _failed(task, manifests.reference(task.inputs.value), error) from error
    return manifests.identifier(live), _settled(api, task, live, ready)


def update(api: Api, task: Task) -> Any:
    """Writes an object anew and waits until it is ready; returns its state.

    Raises:
        InitFailedError: it was written, or may have been, and is not ready.
        AtollError: it was not written.
    """
    ready = rule(task.inputs.value)
    if not (task.saved.uid or task.settings.upsert):
        # Nobody heard what became of its creation: somebody else may have taken the name since.
        writing.must_be_free(api, task.inputs.value, task.manager, task.wait)
    try:
        live = writing.write(api, task.order)
    except writing.LostAnswerError as error:
        raise _failed(task, task.saved.live, error, task.saved.manager) from error
    return _settled(api, task, live, ready)


def rule(manifest: Manifest) -> readiness.Rule | None:
    """What makes an object ready, or None where being written is enough.

    Raises:
        ArgsError: the manifest says it, and cannot be read.
    """
    if annotations.is_true(manifest, annotations.SKIP_AWAIT):
        return None
    return conditions.parse(manifest) or readiness.rule(manifest)


def _settled(api: Api, task: Task, live: Manifest, ready: readiness.Rule | None) -> Any:
    """The state of what was just written; the former manager lets go of it, and it is waited for."""
    manager = former = task.saved.manager or task.manager
    try:
        if former != task.manager:
            live = writing.relinquish(api, live, former)
        manager = task.manager
        if ready is not None:
            live = waiting.until_ready(api, live, ready, task.wait)
    except Exception as error:
        seen = error.live if isinstance(error, waiting.WaitError) else None
        raise _failed(task, seen or live, error, manager) from error
    return task.state(live)


def _failed(task: Task, live: Manifest, error: Exception, manager: str = "") -> InitFailedError:
    text = (
        server.line(error)
        if isinstance(error, AtollError)
        else f"{type(error).__name__}: {server.line(error)}"
    )
    reason = hiding.hidden(text, task.inputs)
    identifier = manifests.identifier(task.inputs.value)
    return InitFailedError(identifier, task.state(live, manager), task.raw, (reason,))
