"""What a look at a member says, at a plane that calls it Ready now or only in a moment."""

import http.server
import json
import threading
from datetime import timedelta

import pytest

from atoll.core.effect import Context
from atoll.federation import member_effects
from atoll.federation.member_effects import MemberStatus
from atoll.kubernetes import Kubeconfig


class _Plane(http.server.ThreadingHTTPServer):
    """Its member is Ready from some question on; `answers` says whether the member itself does."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Answers)
        self.asked, self.ready_at, self.answers = 0, 0, True


class _Answers(http.server.BaseHTTPRequestHandler):
    server: _Plane

    def do_GET(self):
        if self.path.endswith("/proxy/readyz"):
            code, body = (200, b"ok") if self.server.answers else (503, b"no")
        else:
            self.server.asked += 1
            status = "True" if self.server.asked > self.server.ready_at else "False"
            code, body = (
                200,
                json.dumps({"status": {"conditions": [{"type": "Ready", "status": status}]}}).encode(),
            )
        self.send_response(code)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words):
        pass


@pytest.fixture
def plane(monkeypatch):
    monkeypatch.setattr(member_effects, "_PAUSE", 0.01)
    monkeypatch.setattr(member_effects, "_RETURN", timedelta(seconds=0.2))
    server = _Plane()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def _look(plane):
    access = Kubeconfig(f"http://127.0.0.1:{plane.server_port}").text()
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
