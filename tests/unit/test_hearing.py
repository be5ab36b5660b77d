"""Which clusters have answered a run: what the providers that serve it know without asking themselves."""

import os
import time

import psutil
import pytest

from atoll.core import files
from atoll.core.errors import UnavailableError
from atoll.host import Environment, hearing
from atoll.host.environment import VARIABLE


@pytest.fixture
def environment(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.setattr(hearing, "PATIENCE", 0.3)
    return Environment(tmp_path, "e", tmp_path)


def _record(pid, started, begun=None):
    return {"pid": pid, "started": started, "begun": begun or time.time(), "asked": ["tern"], "answered": []}


def test_who_answered_is_looked_at_and_who_did_not_is_silent_once_the_time_is_over(environment):
    run = hearing.Hearing(environment, ["tern", "heron"])
    run.heard("tern")
    begin = time.monotonic()

    assert not hearing.is_silent("tern")
    assert hearing.is_silent("heron")
    assert time.monotonic() - begin > 0.2
    with pytest.raises(UnavailableError, match="cluster heron: found no answer to this run"):
        hearing.demand("heron")
    run.heard("heron")
    hearing.demand("heron")


def test_a_cluster_that_nobody_asked_is_looked_at(environment):
    hearing.Hearing(environment, ["tern"])
    assert not hearing.is_silent("new")


@pytest.mark.usefixtures("environment")
def test_nobody_is_silent_where_no_run_asks(monkeypatch):
    assert not hearing.is_silent("tern")
    monkeypatch.delenv(VARIABLE)
    assert not hearing.is_silent("tern")


def test_nobody_is_silent_once_the_run_has_ended_and_a_late_answer_brings_it_not_back(environment):
    run = hearing.Hearing(environment, ["tern"])
    run.end()
    run.heard("tern")
    assert not (environment.folder / "hearing.json").exists()
    assert not hearing.is_silent("tern")


@pytest.mark.parametrize(
    "record",
    [
        _record(os.getpid(), 1.0),
        _record(2**22 - 1, 1.0),
        {"asked": ["tern"]},
    ],
    ids=["another process has its number", "it was killed", "it is no record"],
)
def test_a_run_that_is_no_more_says_nothing(environment, record):
    files.write_json(environment.folder / "hearing.json", record)
    assert not hearing.is_silent("tern")


def test_a_damaged_record_says_nothing(environment):
    (environment.folder / "hearing.json").write_text("{")
    assert not hearing.is_silent("tern")


def test_a_disk_that_is_full_ends_no_run(environment, monkeypatch):
    def full(_path, _value):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_json", full)
    hearing.Hearing(environment, ["tern"]).heard("tern")
    assert not hearing.is_silent("tern")


def test_a_living_run_is_believed(environment):
    started = psutil.Process().create_time()
    files.write_json(environment.folder / "hearing.json", _record(os.getpid(), started, time.time() - 9))
    assert hearing.is_silent("tern")
