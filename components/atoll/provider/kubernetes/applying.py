"""One write that the engine asked for, to its end: after it was sent, whatever happens leaves a state behind."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from atoll.core.errors import AtollError
from atoll.kubernetes import Api, identities
from atoll.provider import server, values
from atoll.provider.kubernetes import (
    annotations,
    awaiting,
    hiding,
    ignoring,
    patching,
    readiness,
    state,
    waiting,
    writing,
)
from atoll.provider.kubernetes.manifests import Manifest
from atoll.provider.kubernetes.settings import Settings
from atoll.provider.plugin import InitFailedError

_Ready = tuple[readiness.Rule, awaiting.Surroundings]
NOTHING = state.Saved({}, "", "")
"""The state of what is yet to be created."""


@dataclass(frozen=True)
class Task:
    """What the engine wants written: `raw` are the inputs in its words, `saved` is the state of before.

    `patch` says that only these fields of somebody else's object are meant; `ignored` are the property paths that
    an update leaves alone.
    """

    urn: str
    inputs: values.Decoded
    raw: Any
    saved: state.Saved
    wait: waiting.Wait
    settings: Settings
    patch: bool = False
    ignored: tuple[str, ...] = ()

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
        return writing.Order(self.inputs.value, self.manager, forced, self.saved.uid, former, self.patch)

    def order_for(self, live: Manifest | None) -> writing.Order:
        """The write onto an object that is there, without the fields that are to be left alone."""
        if live is None:
            return self.order
        uid = self.saved.uid or str(identities.metadata(live).get("uid", ""))
        sent = ignoring.applied(self.inputs.value, live, self.saved.manager or self.manager, self.ignored)
        return dataclasses.replace(self.order, manifest=sent, uid=uid)

    def state(self, live: Manifest, manager: str = "") -> Any:
        """The state that the task leaves, with an object as it is or may be."""
        return state.write(self.inputs, live, manager or self.manager, self.saved.initial_version)


def create(api: Api, task: Task) -> tuple[str, Any]:
    """Writes a new object and waits until it is ready; returns its id and state.

    Raises:
        InitFailedError: it was written, or may have been, and is not ready.
        AtollError: it was not written.
    """
    api, ready = task.wait.patient(api), _rule(api, task)
    order = task.order
    if task.patch:
        order = task.order_for(patching.must_exist(api, task.inputs.value))
    else:
        writing.must_be_free(api, task.inputs.value, task.manager, task.wait, upsert=task.settings.upsert)
    try:
        live = writing.write_to_stay(api, order, task.wait)
    except writing.LostAnswerError as error:
        raise _failed(task, identities.reference(task.inputs.value), error) from error
    return identities.identifier(live), _settled(api, task, live, ready)


def update(api: Api, task: Task) -> Any:
    """Writes an object anew and waits until it is ready; returns its state.

    Raises:
        InitFailedError: it was written, or may have been, and is not ready.
        AtollError: it was not written.
    """
    api, ready = task.wait.patient(api), _rule(api, task)
    order = task.order
    if task.patch and not task.saved.uid:
        order = task.order_for(patching.must_exist(api, task.inputs.value))
    elif not (task.saved.uid or task.settings.upsert):
        # Nobody heard what became of its creation: somebody else may have taken the name since.
        writing.must_be_free(api, task.inputs.value, task.manager, task.wait)
    elif task.ignored:
        order = task.order_for(api.get(task.inputs.value))
    try:
        live = writing.write_to_stay(api, order, task.wait)
    except writing.LostAnswerError as error:
        raise _failed(task, task.saved.live, error, task.saved.manager) from error
    return _settled(api, task, live, ready)


def _rule(api: Api, task: Task) -> _Ready | None:
    """What makes the object ready, read before anything is written.

    Raises:
        ArgsError: the manifest says it, and cannot be read.
    """
    # Whoever wrote a Service did not ask for the old kind of its endpoints.
    quiet = task.wait.patient(api).telling(lambda _text: None)
    around = awaiting.Surroundings(quiet, task.inputs.value)
    found = awaiting.rule(task.inputs.value, around)
    return (found, around) if found else None


def _settled(api: Api, task: Task, live: Manifest, ready: _Ready | None) -> Any:
    """The state of what was just written; the former manager lets go of it, and it is waited for."""
    manager = former = task.saved.manager or task.manager
    try:
        if former != task.manager:
            live = writing.relinquish(api, live, former)
        manager = task.manager
        if ready is not None:
            live = waiting.until_ready(api, live, *ready, task.wait)
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
    identifier = identities.identifier(task.inputs.value)
    return InitFailedError(identifier, task.state(live, manager), task.raw, (reason,))
