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
    return task.state(previewing.created(declared, _answer(connection, task) or declared))


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
        if task.saved.live or _is_free(api, task):
            return writing.apply(api, task.order, dry_run=True)
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


def _is_free(api: Api, task: Task) -> bool:
    """Whether a create can be tried: what has its name may be the object that it is to replace."""
    live = api.get(task.inputs.value)
    return live is None or (task.settings.upsert and not writing.owned(live, task.manager))


def _counts(connection: Connection, task: Task, error: ApiError) -> bool:
    """Whether an error of the dry run will be one of the update too."""
    if error.code not in _TELLING or str(error).startswith(_WEBHOOK):
        return False
    return not connection.defines(task.inputs.value)
