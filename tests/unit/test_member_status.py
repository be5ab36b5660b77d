"""What a look at a member says, at a plane that calls it Ready now or only in a moment."""

from datetime import timedelta

import pytest

from atoll.core.effect import Context
from atoll.federation import member_effects
from atoll.federation.member_effects import MemberStatus
from atoll.kubernetes import Kubeconfig
from harness.answering import answering


class _Plane:
    """Its member is Ready from some question on; `answers` says whether the member itself does."""

    def __init__(self):
        self.asked, self.ready_at, self.answers, self.url = 0, 0, True, ""

    def answer(self, path):
        if path.endswith("/proxy/readyz"):
            return (200, b"ok") if self.answers else (503, b"no")
        self.asked += 1
        status = "True" if self.asked > self.ready_at else "False"
        return 200, {"status": {"conditions": [{"type": "Ready", "status": status}]}}


@pytest.fixture
def plane(monkeypatch):
    monkeypatch.setattr(member_effects, "_PAUSE", 0.01)
    monkeypatch.setattr(member_effects, "_RETURN", timedelta(seconds=0.2))
    made = _Plane()
    with answering(made.answer) as made.url:
        yield made


def _look(plane):
    access = Kubeconfig(plane.url).text()
    seen = MemberStatus().read("tern", {"name": "tern", "access": access}, {}, Context())
    assert seen
    return seen.outputs["ready"]


def test_one_that_is_ready_is_asked_once(plane):
    assert _look(plane)
    assert plane.asked == 1


def test_one_that_answers_and_is_about_to_be_ready_is_waited_for(plane):
    plane.ready_at = 3

    assert _look(plane)
    assert plane.asked == 4


def test_one_that_answers_and_is_never_ready_is_waited_for_only_a_moment(plane):
    plane.ready_at = 1_000_000

    assert not _look(plane)


def test_one_that_does_not_answer_is_not_waited_for(plane):
    plane.ready_at, plane.answers = 3, False

    assert not _look(plane)
    assert plane.asked == 1
