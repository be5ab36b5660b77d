"""A state that was cut off gives way to the newest whole copy of it; nothing else does."""

import json
import os

import pytest

from atoll.automation import checkpoints, sealing
from atoll.core.errors import IntegrityError
from harness.processes import bare
from harness.waiting import until

TEXT = json.dumps({"checkpoint": {"latest": {"resources": [{"urn": "u" * 400}]}}})
TORN = TEXT[:200]


@pytest.fixture
def environment(tmp_path, monkeypatch):
    return bare(tmp_path, monkeypatch)


@pytest.fixture
def write(environment):
    """Writes a file of the state: `write("backups/atoll/e/e.1.json", TEXT, since=1)`."""

    def put(name, content, since=0):
        path = environment.state / ".pulumi" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        os.utime(path, (1_000_000 + since, 1_000_000 + since))
        return path

    return put


NOW, BEFORE = "stacks/atoll/e.json", "stacks/atoll/e.json.bak"
AFTER_A_RUN, BEFORE_A_RUN = "history/atoll/e/e-{}.checkpoint.json", "backups/atoll/e/e.{}.json"


def _copy(number):
    return TEXT.replace("u" * 400, str(number))


@pytest.mark.parametrize("torn", [TORN, "", TEXT[:-1], "\0" * len(TEXT)])
def test_the_copy_of_the_step_before_takes_the_place(environment, write, torn):
    write(NOW, torn)
    write(BEFORE, _copy(1))
    write(AFTER_A_RUN.format(2), _copy(2), since=-60)

    assert checkpoints.mend(environment) == (
        "environment e: found its state cut off, and took the copy of 1970-01-12 13:46:40 UTC instead"
    )
    assert sealing.kept(environment).read_text() == _copy(1)
    assert checkpoints.mend(environment) == ""


def test_where_that_one_was_cut_off_as_well_the_newest_whole_run_does(environment, write):
    write(NOW, TORN)
    write(BEFORE, TORN, since=90)
    write(AFTER_A_RUN.format(3), TORN, since=80)
    write(BEFORE_A_RUN.format(2), _copy(2), since=70)
    write(AFTER_A_RUN.format(1), _copy(1), since=60)
    # What a run did is no state.
    write("history/atoll/e/e-9.history.json", "{}", since=90)
    write("backups/atoll/other/other.9.json", _copy(9), since=90)

    assert checkpoints.mend(environment)
    assert sealing.kept(environment).read_text() == _copy(2)


def test_a_state_without_a_whole_copy_is_told_and_stays_as_it_is(environment, write):
    path = write(NOW, TORN)
    write(BEFORE, "")

    with pytest.raises(IntegrityError, match="found a state that was cut off, and no whole copy of it"):
        checkpoints.mend(environment)

    assert path.read_text() == TORN


def test_a_whole_state_and_none_at_all_stay(environment, write):
    write(BEFORE, _copy(1))
    assert checkpoints.mend(environment) == ""
    assert not sealing.kept(environment).exists()

    path = write(NOW, TEXT)
    assert checkpoints.mend(environment) == ""
    assert path.read_text() == TEXT


def _replaced(path, content):
    """As the engine writes: a new file takes the name."""
    beside = path.with_name("beside")
    beside.write_text(content)
    beside.replace(path)


def _full(path, before):
    """What a full disk leaves of a step of the engine: neither the state nor the copy of the one before is whole."""
    _replaced(before, "")
    _replaced(path, TORN)


@pytest.fixture
def seconds(environment):
    """The second names that there are of the state."""
    return lambda: sorted(path for path in environment.state.glob("*.json*"))


def test_the_last_whole_state_of_a_first_run_on_a_disk_that_fills_up_takes_the_place(
    environment, write, seconds
):
    path, before = write(NOW, _copy(1)), write(BEFORE, "")
    with checkpoints.Keeper(environment):
        _replaced(path, _copy(2))
        until(lambda: any(name.read_text() == _copy(2) for name in seconds()), "the second state is kept", 10)
        _full(path, before)

    assert checkpoints.mend(environment)
    assert path.read_text() == _copy(2)


def test_what_was_there_when_an_engine_began_is_kept_and_of_a_whole_state_nothing_stays(
    environment, write, seconds
):
    path, before = write(NOW, _copy(1)), write(BEFORE, "")
    with checkpoints.Keeper(environment):
        _full(path, before)
    assert [name.read_text() for name in seconds()] == [_copy(1)]

    _replaced(path, _copy(2))
    with checkpoints.Keeper(environment):
        pass
    assert seconds() == []


def test_without_a_state_nothing_is_kept(environment, seconds):
    with checkpoints.Keeper(environment):
        pass

    assert seconds() == []
