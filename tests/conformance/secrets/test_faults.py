"""A KMS that fails: one line, exit code 4, nothing changed; and no second key, whenever a making was cut off."""

import signal
import time

import pytest

from atoll.core.errors import AtollError, Exit, ending_of
from conformance.secrets.conftest import INPUTS
from harness.kms import ANY, Fault

_LONGEST_CALL = 30
_FAULTS = {
    "down": (Fault(ANY), "found no answer (", "expected a KMS that answers"),
    "throttled": (
        Fault(ANY, "ThrottlingException"),
        "found ThrottlingException (",
        "expected fewer calls at once",
    ),
    "denied": (
        Fault(ANY, "AccessDeniedException"),
        "found AccessDeniedException (",
        "expected to be allowed to use it",
    ),
    "unknown login": (
        Fault(ANY, "UnrecognizedClientException"),
        "found Unrecog",
        "expected a login that it knows",
    ),
    "disabled": (
        Fault(code="DisabledException"),
        "found DisabledException (",
        "expected an enabled key. Enable it",
    ),
    "pending deletion": (
        Fault(code="KMSInvalidStateException", message="is pending deletion"),
        "found KMSInvalidStateException (is pending deletion)",
        "Cancel its deletion",
    ),
    "failing": (
        Fault(ANY, "KMSInternalException"),
        "found KMSInternalException (",
        "expected a KMS that answers",
    ),
}


def _line(raised):
    """The error, which is one line of ours with exit code 4."""
    assert isinstance(raised.value, AtollError)
    assert raised.value.exit_code is Exit.UNAVAILABLE
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("name", _FAULTS)
def test_an_update_that_the_kms_does_not_take_is_one_line_and_changes_nothing(name, made, proxy, live):
    fault, found, expected = _FAULTS[name]
    begin = time.monotonic()

    with proxy.failing(fault), pytest.raises(AtollError) as raised:
        made.update(description="other")

    assert time.monotonic() - begin < _LONGEST_CALL
    line = _line(raised)
    assert line.startswith(f"{proxy.endpoint}: ")
    assert found in line
    assert expected in line
    assert live()["Description"] == "d"


def test_an_address_where_nobody_listens_is_one_line(made):
    with pytest.raises(AtollError) as raised:
        made.update(description="other", endpoint="http://127.0.0.1:1")

    assert "found no answer (Could not connect to the endpoint" in _line(raised)


@pytest.mark.parametrize("name", ["down", "throttled", "denied", "disabled"])
def test_a_making_that_the_kms_does_not_take_is_one_line_and_leaves_nothing(
    name, key, proxy, made_for, alias
):
    fault, found, _ = _FAULTS[name]

    with proxy.failing(fault), pytest.raises(AtollError) as raised:
        key.create()

    assert found in _line(raised)
    assert made_for(alias) == {}


def test_a_kms_that_says_nothing_is_given_up_within_its_bound(made, proxy):
    begin = time.monotonic()

    with proxy.failing(Fault(ANY, delay=60)), pytest.raises(AtollError) as raised:
        made.update()

    assert "found no answer (" in _line(raised)
    assert _LONGEST_CALL * 2 / 3 <= time.monotonic() - begin < _LONGEST_CALL


def test_a_kms_that_is_slow_is_waited_for(made, proxy, live):
    with proxy.failing(Fault("UpdateKeyDescription", slow=True, delay=3)):
        made.update(description="other")

    assert live()["Description"] == "other"


@pytest.mark.parametrize("code", ["ThrottlingException", None])
def test_what_fails_twice_is_tried_again(code, made, proxy, live):
    with proxy.failing(Fault("UpdateKeyDescription", code, times=2)):
        made.update(description="other")

    assert proxy.hit == ["UpdateKeyDescription"] * 2
    assert live()["Description"] == "other"


def test_what_is_throttled_for_good_is_tried_four_times(made, proxy):
    with proxy.failing(Fault("UpdateKeyDescription", "ThrottlingException")), pytest.raises(AtollError):
        made.update(description="other")

    assert proxy.hit == ["UpdateKeyDescription"] * 4


def test_what_is_denied_is_not_tried_again(made, proxy):
    with proxy.failing(Fault("UpdateKeyDescription", "AccessDeniedException")), pytest.raises(AtollError):
        made.update(description="other")

    assert proxy.hit == ["UpdateKeyDescription"]


_CREATION = ["CreateKey", "CreateAlias", "EnableKeyRotation", "CreateGrant"]
"""What makes a key, in this order."""


@pytest.mark.parametrize("action", _CREATION)
def test_an_answer_that_is_lost_makes_nothing_twice(action, key, proxy, made_for, client):
    with proxy.failing(Fault(action, delivered=True, times=1)):
        outcome = key.create()

    assert not outcome.problems
    assert made_for(key.inputs["alias"]) == {key.id: "Enabled"}
    assert key.read().outputs == outcome.outputs
    # moto makes a grant for every call; AWS one for each name.
    key.update()
    assert len(client.list_grants(KeyId=key.id)["Grants"]) == 1


@pytest.mark.parametrize("writes", range(1, 4))
def test_a_making_that_fails_after_any_write_is_kept_and_finished_by_the_next(
    writes, key, proxy, made_for, alias
):
    with proxy.failing(Fault(code="AccessDeniedException", skip=writes)):
        outcome = key.create()
    (line,) = outcome.problems
    assert "found AccessDeniedException" in line
    assert outcome.code is Exit.UNAVAILABLE
    # What is not told makes the provider update it.
    assert outcome.outputs.keys() < key.effect.outputs

    key.update()

    assert made_for(alias) == {key.id: "Enabled"}
    assert key.read().inputs == key.inputs | {"spec": "SYMMETRIC_DEFAULT", "multiRegion": False}


def test_a_deletion_whose_answers_are_lost_is_done(made, proxy, client):
    lost = [Fault(action, delivered=True, times=1) for action in ("DeleteAlias", "ScheduleKeyDeletion")]
    with proxy.failing(*lost):
        made.delete()
    made.delete()

    assert proxy.hit == ["DeleteAlias", "ScheduleKeyDeletion"]
    assert client.describe_key(KeyId=made.id)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_what_fails_in_a_run_is_told_once_and_the_state_stays(program, proxy, live):
    program.key(description="d").up().succeeded()
    before = program.state()["app-kms"]["inputs"]
    program.key(description="other")

    with proxy.failing(Fault(code="DisabledException")):
        run = program.up()

    line = run.refused()
    # By which `atoll up` knows its exit code, and what its report says of the error.
    (told,) = filter(None, (ending_of(text) for severity, text in run.said if severity == "debug"))
    assert (told.code, told.retryable) == (Exit.UNAVAILABLE, False)
    (cause,) = told.wraps
    assert cause.startswith("DisabledException: An error occurred (DisabledException) when calling the ")
    assert line.startswith(f"{proxy.endpoint}: key {program.namespace}: found DisabledException")
    assert live()["Description"] == "d"
    assert program.state()["app-kms"]["inputs"] == before
    assert program.up().succeeded().ops == {"app-kms": "update"}


def test_a_kms_that_is_down_fails_no_preview_and_no_refresh(program, proxy):
    program.key().up().succeeded()

    with proxy.failing(Fault(ANY)):
        told = program.preview("--refresh").succeeded()

    (warning,) = told.warnings
    assert warning.startswith(f"not compared with what is there: {proxy.endpoint}: found no answer (")
    assert told.ops == {}


_PROGRAM = {
    "rotation_days": 90,
    "policy": INPUTS["policy"],
    "grants": INPUTS["grants"],
}


@pytest.fixture
def killed(program, proxy):
    """Kills an `up` of the program after as many writes, the last of which nobody heard of."""

    def run(writes):
        program.key(**_PROGRAM)
        with proxy.failing(Fault(delivered=True, skip=writes - 1, then=program.kill)):
            assert program.killed_up() == -signal.SIGKILL
        assert proxy.writes == _CREATION[:writes]

    return run


@pytest.mark.parametrize("writes", range(1, 5))
def test_a_run_that_is_killed_after_any_write_leaves_one_key_that_the_next_one_finishes(
    writes, killed, program, made_for, alias
):
    killed(writes)
    begun = made_for(alias)

    # By hand: the engine alone, which knows nothing of what was begun.
    program.unlock()
    program.up().succeeded()

    assert made_for(alias) == begun
    assert len(begun) == 1
    assert program.deploy("--refresh").ops == {}


@pytest.mark.parametrize("writes", [1, 2])
def test_what_a_killed_run_had_begun_is_finished_under_its_own_id(writes, killed, program, made_for, alias):
    killed(writes)
    program.take_up()

    done = program.up("--refresh").succeeded()

    assert done.ops["app-kms"] == "update"
    assert made_for(alias) == {program.state()["app-kms"]["id"]: "Enabled"}
    assert program.deploy("--refresh").ops == {}


@pytest.mark.parametrize("writes", [1, 2])
def test_what_a_killed_run_had_begun_and_nobody_declares_any_more_is_deleted(
    writes, killed, program, made_for, alias
):
    killed(writes)
    program.take_up()

    program.write("").up("--refresh").succeeded()

    assert list(made_for(alias).values()) == ["PendingDeletion"]
    assert "app-kms" not in program.state()
