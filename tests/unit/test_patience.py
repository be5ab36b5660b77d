"""How often and how long a server is asked again, without waiting for real."""

import threading
from typing import Any

import pytest

from atoll.core.errors import AtollError
from atoll.kubernetes import ApiError, UnreachableError, patience
from atoll.kubernetes.patience import Attempts, Patience

BUSY = ApiError(429, {"message": "slow down"})
GONE = UnreachableError("no answer")


class _Clock(threading.Event):
    """Time that passes only where somebody waits; the pauses are kept."""

    now = 100.0

    def __init__(self):
        super().__init__()
        self.pauses: list[float] = []

    def wait(self, timeout=None):
        self.pauses.append(timeout)
        self.now += timeout
        return self.is_set()


@pytest.fixture
def clock(monkeypatch):
    made = _Clock()
    monkeypatch.setattr(patience, "time", made)
    made.monotonic = lambda: made.now  # type: ignore[attr-defined] # it stands for the module
    return made


def _tries(attempts: Attempts, error: AtollError) -> int:
    tries = 1
    while attempts.another(error):
        tries += 1
    return tries


def test_pauses_grow_are_spread_and_end_with_the_limit(clock):
    attempts = Attempts(Patience(10, clock))

    tries = _tries(attempts, BUSY)

    assert 6 <= tries <= 12
    assert clock.now <= 110
    assert all(0.075 <= pause <= 2.5 for pause in clock.pauses)
    assert clock.pauses[0] < clock.pauses[2] < clock.pauses[4]


def test_what_the_server_asks_for_is_kept(clock):
    attempts = Attempts(Patience(10, clock))

    assert attempts.another(ApiError(429, {}, retry_after=3))
    assert clock.pauses == [3]
    # It is not asked sooner than it says: rather not at all.
    assert not attempts.another(ApiError(429, {}, retry_after=30))


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 422])
def test_a_refusal_is_not_asked_for_again(code, clock):
    assert _tries(Attempts(Patience(10, clock)), ApiError(code, {})) == 1


def test_nobody_is_patient_who_does_not_say_so(clock):
    assert _tries(Attempts(Patience(cancelled=clock)), BUSY) == 1


def test_who_is_to_stop_does_not_ask_again(clock):
    clock.set()

    assert _tries(Attempts(Patience(10, clock)), BUSY) == 1


def test_a_silent_server_is_waited_for_once_for_all(clock):
    shared: Any = Patience(10, clock)
    shared.silence.unheard(clock.now)
    first = _tries(Attempts(shared), GONE)
    assert first > 5

    # Whoever comes later finds the time used up, until the server is heard again.
    clock.now += 5
    assert _tries(Attempts(shared), GONE) == 1
    assert shared.is_over
    assert _tries(Attempts(shared), BUSY) > 5
    shared.silence.heard()
    assert not shared.is_over
    assert _tries(Attempts(shared), GONE) > 5


def test_a_request_that_ends_late_says_nothing_of_a_server_that_answered_meanwhile(clock):
    silence = Patience(10, clock).silence
    clock.now = 160
    silence.heard()
    clock.now = 161

    silence.unheard(begun=100)

    assert silence.since == 161
