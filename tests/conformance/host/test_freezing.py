"""Stores stand still for as long as somebody holds them, and no longer."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest

from atoll.core.errors import NotReadyError
from atoll.host import Program, Supervisor, freezing
from harness import processes
from harness.waiting import until


@pytest.fixture
def environment(monkeypatch):
    """An environment with two stores, as their names say, and a process that is none."""
    with processes.supervised(monkeypatch) as made:
        store = made.folder / "etcd"
        shutil.copy("/bin/sleep", store)
        Supervisor(made).ensure(
            [
                Program("a.etcd", (str(store), "1000")),
                Program("b.etcd", (str(store), "1000")),
                Program("a.client", ("sleep", "1000")),
            ]
        )
        until(lambda: len(freezing._stores(made)) == 2, "the stores run")
        yield made


def _states(environment):
    """Which processes stand still, by name; one that is not there yet does not."""
    return {each.name: _stands_still(each.pid) for each in Supervisor(environment).processes()}


def _stands_still(pid):
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(pid) and psutil.Process(pid).status() == psutil.STATUS_STOPPED
    return False


def test_stores_stand_still_for_as_long_as_they_are_held_and_nothing_else_does(environment):
    with freezing.still(environment) as stores:
        assert len(stores) == 2
        assert _states(environment) == {"a.etcd": True, "b.etcd": True, "a.client": False}

    assert not any(_states(environment).values())
    assert not freezing._note(environment).exists()


def test_a_failure_lets_them_go_on(environment):
    with pytest.raises(ZeroDivisionError), freezing.still(environment):
        raise ZeroDivisionError
    assert not any(_states(environment).values())


def _held(environment, meanwhile):
    with freezing.still(environment) as stores:
        meanwhile(stores[0])


@pytest.mark.parametrize("signalled", [signal.SIGCONT, signal.SIGKILL])
def test_a_store_that_moved_meanwhile_makes_the_work_void(environment, signalled):
    def move(store):
        os.kill(store.pid, signalled)
        until(lambda: not _stands_still(store.pid), "it moves")

    with pytest.raises(NotReadyError, match="found a store that came, went or moved"):
        _held(environment, move)
    until(lambda: not any(_states(environment).values()), "all go on")


_OTHER = """
import sys, time
from pathlib import Path
from atoll.host import Environment, freezing
environment = Environment(Path(sys.argv[1]), "e", Path(sys.argv[2]))
"""
_HOLDS = """
with freezing.still(environment):
    print("held", flush=True)
    time.sleep(60)
"""


def _other(environment, script):
    argv = [sys.executable, "-c", _OTHER + script, str(environment.project), str(environment.folder)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE)


@pytest.fixture
def holder(environment):
    """A process that holds the stores still."""
    with _other(environment, _HOLDS) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


@pytest.mark.parametrize("way", ["start", "stop"])
def test_stores_that_a_killed_holder_left_go_on_with_the_next_start_or_stop(environment, holder, way):
    holder.kill()
    holder.wait()
    assert _states(environment)["a.etcd"]
    begin = time.monotonic()

    (Supervisor(environment).start if way == "start" else Supervisor(environment).stop)()

    # One that stands still is asked to end in vain, for 15 s.
    assert time.monotonic() - begin < 10
    assert way == "stop" or not any(_states(environment).values())


def test_stores_that_somebody_holds_now_are_left_to_them(environment, holder):
    with _other(environment, "freezing.thaw(environment)") as patient:
        time.sleep(1)
        assert patient.poll() is None
        assert _states(environment)["a.etcd"]
        holder.kill()
        assert patient.wait() == 0

    assert not any(_states(environment).values())


def test_an_environment_of_which_nothing_runs_has_nothing_to_hold(environment):
    Supervisor(environment).stop()
    with freezing.still(environment) as stores:
        assert stores == []
