"""What a write would leave, by a dry run; where none can be had, by what is known."""

from typing import Any

from atoll.core.errors import RefusedError, UnavailableError
from atoll.kubernetes import Api, ApiError
from atoll.provider import values
from atoll.provider.kubernetes import previewing, writing
from atoll.provider.kubernetes.applying import Task
from atoll.provider.kubernetes.connection import Connection
from atoll.provider.kubernetes.manifests import Manifest

_TELLING = frozenset({400, 409, 422})
"""Answers that a dry run gives for what is wrong with the object itself, so that the update would get them too."""
_WEBHOOK = "admission webhook"
"""How the server begins when a webhook refused: it may not take dry runs, or miss what the same run will make."""


def created(connection: Connection, task: Task) -> Any:
    """The state that a create would leave.

    Raises:
        RefusedError: it would fail, whatever else the program does.
        AtollError: the same.
    """
    declared = task.inputs.value
    if not isinstance(declared.get("metadata"), dict):
        return task.raw
    answer = _answer(connection, task)
    if task.patch and answer is not None:
        # The object is there: what the server fills in was filled in before.
        return task.state(previewing.updated(answer, answer))
    return task.state(previewing.created(declared, answer or declared))


def updated(connection: Connection, task: Task, old: Manifest) -> Any:
    """The state that an update would leave; `old` is what was declared before.

    Raises:
        RefusedError: it would fail, whatever else the program does.
        AtollError: the same.
    """
    if not task.saved.uid:
        # Its creation was never answered: what the real one has is as open as at first.
        return created(connection, task)
    answer = _answer(connection, task)
    if answer is None:
        return task.state(previewing.guessed(old, task.inputs.value, task.saved.live))
    return task.state(previewing.updated(task.saved.live, answer))


def _answer(connection: Connection, task: Task) -> Manifest | None:
    """The dry run's answer, or None where there is nobody to ask, or nothing to be learnt."""
    if values.has_unknown(task.inputs.value) or not connection.known:
        return None
    try:
        api = connection.api
        if order := _order(api, task):
            return writing.apply(api, order, dry_run=True)
    except UnavailableError:
        return None
    except ApiError as error:
        if _counts(connection, task, error):
            raise writing.refused(task.inputs.value, error) from error
    except RefusedError as error:
        cause = error.__cause__
        if not isinstance(cause, ApiError) or _counts(connection, task, cause):
            raise
    return None


def _order(api: Api, task: Task) -> writing.Order | None:
    """What can be tried: not a create whose name is taken, perhaps by the object that it is to replace."""
    if task.saved.uid and not task.ignored:
        return task.order
    live = api.get(task.inputs.value)
    if task.saved.uid:
        return task.order_for(live)
    if task.patch:
        # What is to be patched may be made by the same run.
        return task.order_for(live) if live is not None else None
    is_free = live is None or (task.settings.upsert and not writing.owned(live, task.manager))
    return task.order if task.saved.live or is_free else None


def _counts(connection: Connection, task: Task, error: ApiError) -> bool:
    """Whether an error of the dry run will be one of the update too."""
    if error.code not in _TELLING or str(error).startswith(_WEBHOOK):
        return False
    return not connection.defines(task.inputs.value)
