import threading
from typing import Any

import pytest
import urllib3

from atoll.core.errors import AtollError, RefusedError
from atoll.kubernetes import ApiError, UnreachableError
from atoll.kubernetes.client import ResourceType
from atoll.provider import values
from atoll.provider.kubernetes import applying, reading, state, trying, waiting, writing
from atoll.provider.kubernetes.settings import Settings
from atoll.provider.plugin import InitFailedError

CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "n"}}
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}
URN = "urn:pulumi:s::p::kubernetes:core/v1:ConfigMap::c"


class _Attempts:
    """Three more tries, without a pause."""

    left = 3

    def another(self, error):
        self.left -= 1
        return error.retry and self.left >= 0


class _Api:
    """Answers each write with the next of its answers, the last one again and again; `live` is what is read."""

    def __init__(self, *answers, live=None):
        self.answers, self.live, self.sent = list(answers), live, []

    def patiently(self, _limit, _cancelled=None):
        return self

    def telling(self, _told):
        return self

    def attempts(self):
        return _Attempts()

    def resource(self, _version, kind):
        return ResourceType(f"{kind.lower()}s", kind != "Namespace")

    def get(self, _manifest):
        if isinstance(self.live, Exception):
            raise self.live
        return self.live

    def apply(self, manifest, **options):
        self.sent.append((manifest, options))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def _api(*answers, live=None) -> Any:
    return _Api(*answers, live=live)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(writing, "_PATIENCE", 0)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)


def _live(manifest=CONFIG, uid="u", manager="", **metadata):
    owned = {"managedFields": [{"manager": manager}]} if manager else {}
    return {**manifest, "metadata": {**manifest["metadata"], "uid": uid, **owned, **metadata}}


def _wait(limit=0):
    return waiting.Wait(limit, lambda _line: None, threading.Event())


def _task(manifest=CONFIG, saved=applying.NOTHING, **options):
    inputs = values.Decoded(manifest, frozenset())
    return applying.Task(URN, inputs, state.write_inputs(inputs), saved, _wait(), Settings(**options))


def _unreachable(cause):
    error = UnreachableError("no answer")
    error.__cause__ = cause
    return error


CUT = _unreachable(urllib3.exceptions.ProtocolError("cut"))
NEVER_SENT = _unreachable(urllib3.exceptions.ConnectTimeoutError("refused"))
CONFLICT = ApiError(
    409,
    {
        "message": "conflict",
        "details": {
            "causes": [
                {"reason": "FieldManagerConflict", "message": 'conflict with "operator"', "field": ".a"}
            ]
        },
    },
)


def _error(code, message="no"):
    return ApiError(code, {"message": message})


def test_a_passing_failure_is_asked_again_and_forgotten():
    api = _api(_error(503), CUT, _live())

    assert writing.write(api, writing.Order(CONFIG, "m")) == _live()
    assert len(api.sent) == 3


@pytest.mark.parametrize(
    "answer", [CUT, _error(500), _error(502), _error(503), _error(504), {"text": "made up"}]
)
def test_a_write_of_which_nobody_knows_is_told_as_such(answer):
    with pytest.raises(writing.LostAnswerError, match=r"^ConfigMap n/c: found no answer that tells"):
        writing.write(_api(answer), writing.Order(CONFIG, "m"))


@pytest.mark.parametrize(
    "answer",
    [
        NEVER_SENT,
        _error(404),
        _error(403),
        _error(422),
        _error(429),
        _error(500, 'Internal error occurred: failed calling webhook "x"'),
    ],
)
def test_a_write_that_did_not_happen_is_not_told_as_lost(answer):
    with pytest.raises(AtollError) as raised:
        writing.write(_api(answer), writing.Order(CONFIG, "m"))

    assert not isinstance(raised.value, writing.LostAnswerError)


def test_a_doubt_is_not_lifted_by_a_later_refusal():
    with pytest.raises(writing.LostAnswerError):
        writing.write(_api(CUT, _error(403)), writing.Order(CONFIG, "m"))


def test_a_conflict_with_others_is_refused_and_not_asked_again():
    api = _api(CONFLICT)

    with pytest.raises(RefusedError, match='"operator"'):
        writing.write(api, writing.Order(CONFIG, "m", former="m"))
    assert len(api.sent) == 1


def test_a_conflict_with_our_own_former_manager_is_taken():
    api = _api(CONFLICT, _live())

    writing.write(api, writing.Order(CONFIG, "m", former="operator"))

    assert [options["force"] for _, options in api.sent] == [False, True]


@pytest.mark.parametrize(
    "answer", [_error(409, "uid mismatch"), _error(422, "metadata.uid: field is immutable")]
)
def test_an_update_that_meets_another_object_says_so(answer):
    with pytest.raises(RefusedError, match="Run: pulumi refresh"):
        writing.write(_api(answer), writing.Order(CONFIG, "m", uid="u"))


def test_what_is_sent_is_bound_to_its_object_and_names_no_namespace_where_there_is_none():
    api = _api(_live(NAMESPACE))
    manifest = {**NAMESPACE, "metadata": {"name": "n", "namespace": "default"}}

    writing.write(api, writing.Order(manifest, "m", uid="u"))

    assert api.sent[0][0]["metadata"] == {"name": "n", "uid": "u"}


def test_the_manager_of_a_resource_is_its_own_and_the_same_in_each_run():
    assert writing.manager_of(CONFIG, URN) == writing.manager_of(CONFIG, URN)
    assert writing.manager_of(CONFIG, URN) != writing.manager_of(CONFIG, f"{URN}2")


def test_a_create_whose_answer_is_lost_keeps_what_names_the_object():
    with pytest.raises(InitFailedError) as raised:
        applying.create(_api(CUT), _task())

    assert raised.value.detail.id == "n/c"
    saved = state.read(raised.value.detail.properties)
    assert (saved.live, saved.uid, saved.manager) == (CONFIG, "", writing.manager_of(CONFIG, URN))


def test_a_create_that_did_not_happen_keeps_nothing():
    with pytest.raises(AtollError) as raised:
        applying.create(_api(_error(403)), _task())

    assert not isinstance(raised.value, InitFailedError)


def test_a_name_is_free_taken_by_ourselves_or_refused():
    ours = _live(manager=writing.manager_of(CONFIG, URN))

    identifier, _ = applying.create(_api(_live(), live=ours), _task())
    assert identifier == "n/c"
    with pytest.raises(RefusedError, match="already exists"):
        applying.create(_api(_live(), live=_live(manager="operator")), _task())
    applying.create(_api(_live(), live=_live(manager="operator")), _task(upsert=True))


@pytest.mark.parametrize("failure", [_error(403), CUT, RuntimeError("a bug of ours")])
def test_whatever_fails_after_the_write_keeps_the_object(failure):
    class Failing(_Api):
        def apply(self, manifest, **options):
            if len(self.sent) == 1:
                raise failure
            return super().apply(manifest, **options)

    saved = state.Saved(_live(), "former", "v1")
    annotated = _live()
    annotated["metadata"]["annotations"] = {"pulumi.com/patchFieldManager": "new"}

    failing: Any = Failing(_live())
    with pytest.raises(InitFailedError) as raised:
        applying.update(failing, _task(annotated, saved))

    kept = state.read(raised.value.detail.properties)
    assert kept.uid == "u"
    assert kept.manager == "former"


def test_an_update_of_what_was_never_answered_takes_nobody_elses_object():
    saved = state.Saved(CONFIG, writing.manager_of(CONFIG, URN), "v1")

    with pytest.raises(RefusedError, match="already exists"):
        applying.update(_api(_live(), live=_live(manager="operator")), _task(saved=saved))


def test_what_is_awaited_and_does_not_come_keeps_the_object_as_it_was_last_seen():
    live = _live(NAMESPACE) | {"status": {"phase": "Terminating"}}

    with pytest.raises(InitFailedError, match="expected it to become ready") as raised:
        applying.create(_api(live), _task(NAMESPACE))

    assert state.read(raised.value.detail.properties).live["status"] == {"phase": "Terminating"}


class _Connection:
    known = True

    def __init__(self, api, *, defines=False):
        self.api, self._defines = api, defines

    def defines(self, _manifest):
        return self._defines


def _connection(api, *, defines=False) -> Any:
    return _Connection(api, defines=defines)


@pytest.mark.parametrize(
    "answer",
    [
        _error(403),
        _error(404),
        _error(500),
        CUT,
        _error(400, 'admission webhook "x" does not support dry run'),
        _error(422, 'admission webhook "x" denied the request'),
    ],
)
def test_a_dry_run_that_tells_nothing_of_the_update_does_not_fail_the_preview(answer):
    shown = trying.created(_connection(_api(answer)), _task())

    assert state.read(shown).live["metadata"]["uid"] == values.UNKNOWN


@pytest.mark.parametrize("answer", [_error(422), _error(400), CONFLICT])
def test_a_dry_run_that_tells_what_the_update_will_meet_fails_the_preview(answer):
    with pytest.raises(AtollError):
        trying.created(_connection(_api(answer)), _task())

    # The program changes the kind's definition too, so the server judges by the old one.
    trying.created(_connection(_api(answer), defines=True), _task())


def test_a_preview_of_a_create_tries_nothing_on_the_object_that_it_will_replace():
    api = _api(_error(422), live=_live(manager="anybody"))

    trying.created(_connection(api), _task())

    assert api.sent == []


def test_what_stands_in_the_place_of_a_lost_object_is_ours_only_if_we_wrote_it():
    lost, declared = state.Saved(CONFIG, "m", "v1"), values.Decoded(CONFIG, frozenset())

    assert (
        reading.look(_api(live=_live(manager="operator")), CONFIG, lost, declared, "m", _task().wait) is None
    )
    found = reading.look(_api(live=_live(manager="m")), CONFIG, lost, declared, "m", _task().wait)
    assert found is not None
    assert found.inputs == declared


def test_what_is_read_and_not_ready_says_what_is_missing():
    live = _live(NAMESPACE) | {"status": {"phase": "Terminating"}}
    saved, declared = state.Saved(live, "m", "v1"), values.Decoded(NAMESPACE, frozenset())

    found = reading.look(_api(live=live), NAMESPACE, saved, declared, "m", _task().wait)

    assert found is not None
    assert found.missing == "Namespace n: found not ready: phase Terminating, not Active"
