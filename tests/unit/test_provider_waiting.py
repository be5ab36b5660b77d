"""Waiting for an object: how it ends, and how seldom the server is asked meanwhile."""

import contextlib
import threading
import time
from typing import Any

import pytest

from atoll.kubernetes import ApiError, UnreachableError
from atoll.provider.kubernetes import awaiting, readiness, waiting
from atoll.provider.kubernetes.waiting import Wait, WaitError

LIVE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "c", "namespace": "n", "uid": "u"},
    "data": {"a": "0"},
}


class _Ears:
    """Hears only in the tests that ring its bell."""

    open = False


class _Watches:
    """A watch that works; a test rings the bells."""

    def __init__(self):
        self.bells: list[threading.Event] = []
        self.topics: list[Any] = []

    @contextlib.contextmanager
    def listening(self, topics, bell):
        self.topics += topics
        self.bells.append(bell)
        yield _Ears()


class _Api:
    """Gives its answers one after the other, the last one again and again."""

    def __init__(self, *answers):
        self.answers, self.asked, self.watches = list(answers), 0, _Watches()

    def patiently(self, _limit, _cancelled=None):
        return self

    def get(self, _manifest):
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def _with(value, **metadata):
    return {**LIVE, "metadata": {**LIVE["metadata"], **metadata}, "data": {"a": value}}


def _rule(live):
    value = live["data"]["a"]
    return readiness.READY if value == "9" else readiness.waiting(f"a is {value}")


def _wait(limit: float = 5, cancelled=None):
    return Wait(limit, lambda _line: None, cancelled or threading.Event())


def _ready(api: Any, wait, rule=_rule):
    return waiting.until_ready(api, LIVE, rule, awaiting.Surroundings(api, LIVE), wait)


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    monkeypatch.setattr(waiting, "_FIRST_PAUSE", 0.005)
    monkeypatch.setattr(waiting, "_LAST_PAUSE", 0.02)
    monkeypatch.setattr(waiting, "_LISTEN_AFTER", 0.05)


def test_it_ends_with_the_object_that_fulfils_the_rule():
    assert _ready(_Api(_with("1"), _with("9")), _wait()) == _with("9")


def test_what_does_not_come_is_told_with_what_it_lacks():
    with pytest.raises(
        WaitError, match=r"^ConfigMap n/c: expected it to become ready, found after 0 s: a is 1$"
    ):
        _ready(_Api(_with("1")), _wait(0.1))


def test_what_is_hopeless_is_waited_for_no_longer():
    begun = time.monotonic()
    with pytest.raises(WaitError, match="deleted meanwhile"):
        _ready(_Api(None), _wait(60))
    assert time.monotonic() - begun < 5


def test_who_is_to_stop_stops():
    cancelled = threading.Event()
    threading.Timer(0.1, cancelled.set).start()
    with pytest.raises(WaitError, match="a is 1; interrupted"):
        _ready(_Api(_with("1")), _wait(60, cancelled))


def test_who_listens_does_not_ask_and_hears_at_once(monkeypatch):
    monkeypatch.setattr(_Ears, "open", True)
    api = _Api(_with("1"))
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(_ready(api, _wait(60))))
    thread.start()
    end = time.monotonic() + 5
    while not api.watches.bells and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.1)
    asked = api.asked
    time.sleep(0.3)
    assert api.asked == asked

    api.answers = [_with("9")]
    (bell,) = api.watches.bells
    bell.set()
    thread.join(5)
    assert found == [_with("9")]
    assert {topic.name for topic in api.watches.topics} == {"c"}


def test_without_a_watch_it_is_asked_from_time_to_time():
    api = _Api(*[_with("1")] * 20, _with("9"))

    assert _ready(api, _wait(60)) == _with("9")


def test_a_verdict_must_stay_the_same_for_its_time():
    def rule(live):
        return readiness.Verdict(ready=False, missing="settles", settle=0.2, basis=live["data"]["a"])

    begun = time.monotonic()
    _ready(_Api(*[_with(str(number)) for number in range(8)]), _wait(60), rule)
    assert time.monotonic() - begun >= 0.2


@pytest.mark.parametrize("ready", [True, False])
def test_a_verdict_that_has_no_time_to_settle_counts_as_it_is(ready):
    def rule(_live):
        return readiness.Verdict(ready=ready, missing="settles", settle=60)

    if ready:
        _ready(_Api(_with("1")), _wait(0.1), rule)
        return
    with pytest.raises(WaitError, match="settles"):
        _ready(_Api(_with("1")), _wait(0.1), rule)


def test_a_short_loss_of_the_server_is_not_the_end():
    lost = [UnreachableError("gone"), ApiError(503, {"message": "no"}), ApiError(403, {"message": "not yet"})]

    assert _ready(_Api(_with("1"), *lost, _with("9")), _wait()) == _with("9")


@pytest.mark.parametrize(
    ("error", "limit"), [(UnreachableError("gone"), "_SILENCE"), (ApiError(403, {}), "_DOUBT")]
)
def test_a_long_loss_is(error, limit, monkeypatch):
    monkeypatch.setattr(waiting, limit, 0.1)
    with pytest.raises(WaitError, match="found no answer for 0 s") as raised:
        _ready(_Api(_with("1"), error), _wait(60))
    assert raised.value.live == _with("1")


def test_another_object_of_the_name_is_no_longer_the_one_that_was_deleted():
    api: Any = _Api(_with("1"), _with("1", uid="other"))
    waiting.until_gone(api, LIVE, _wait())
    with pytest.raises(WaitError, match=r"still there; finalizers: none"):
        waiting.until_gone(_Api(LIVE), LIVE, _wait(0.1))  # type: ignore[arg-type] # it stands for a server


def test_news_is_told_once():
    told: list[str] = []
    _ready(_Api(*[_with("1")] * 3, *[_with("2")] * 3, _with("9")), Wait(5, told.append, threading.Event()))

    assert told == ["waiting: a is 1", "waiting: a is 2"]
