"""What signals do to `atoll up`, who holds the locks, and waiting for them. `make soak PART=interrupts` has full counts."""

import json
import os
import random
import signal
import socket
import time

import pytest

from atoll.automation import locks
from atoll.core import files
from atoll.core.errors import Exit
from e2e import interrupting, looking
from e2e.interrupting import NAME
from harness.waiting import until
from soak import interrupts
from soak.findings import Findings

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def course():
    with interrupting.made() as made:
        yield made


def _begun(course):
    """A run with a change, whose engine has the lock."""
    course.change()
    run = course.checkout.start("up", NAME)
    environment = course.checkout.environment(NAME)
    until(lambda: locks.in_folder(environment) or run.poll() is not None, "a lock", 120)
    return run


def test_a_run_that_is_ended_at_any_moment_leaves_no_lock_and_all_that_it_did(course):
    findings = Findings("small", "make test")

    interrupts.strike(course, findings, random.Random(8), rounds=1)

    assert findings.failures == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupt_lets_the_engine_end_in_order_and_says_how_to_go_on(course, number):
    run = _begun(course)
    run.send_signal(number)
    said, _ = run.communicate(timeout=120)

    assert run.returncode == Exit.INTERRUPTED, said
    *_, what, how = said.splitlines()
    assert what == (
        f"environment {NAME}: `atoll up` was interrupted; the engine ended in order, and its state has all that it did."
    )
    assert how == f"To go on, run it again: atoll up {NAME}"
    course.freed(killed=False)
    course.goes_on()


def test_a_second_interrupt_ends_at_once_what_does_not_end(course):
    run = _begun(course)
    environment = course.checkout.environment(NAME)
    (engine,) = looking.workers(environment.folder)["pulumi"]
    # It cannot end in order, however fast it is.
    engine.suspend()
    run.send_signal(signal.SIGINT)
    until(lambda: "Interrupt again" in _said(run), "the first is told", 60)
    time.sleep(0.6)  # within half a second a second signal is the first one's echo
    begin = time.monotonic()
    run.send_signal(signal.SIGINT)
    said = run.communicate(timeout=60)[0]

    assert run.returncode == Exit.INTERRUPTED, said
    assert time.monotonic() - begin < 15
    assert "the engine was ended at once, and its state is kept" in said
    course.freed(killed=True)
    course.goes_on()


def _said(run):
    """The next line of a run."""
    return run.stdout.readline()


def test_who_holds_an_environment_is_told_and_not_broken_while_it_lives(course):
    run = _begun(course)
    environment = course.checkout.environment(NAME)
    (engine,) = looking.workers(environment.folder)["pulumi"]
    engine.suspend()
    try:
        shown = course.checkout.report("lock", "show", NAME)["locks"]
        refused = course.checkout.atoll("lock", "break", NAME, code=Exit.LOCKED)
        waited = course.checkout.atoll("up", NAME, "--wait", "1s", code=Exit.LOCKED)
    finally:
        engine.resume()
    assert run.wait(120) == Exit.DONE

    assert [(each["lock"], each["by"], each["pid"], each["life"]) for each in shown] == [
        ("environment", "`atoll up`", run.pid, "alive"),
        ("state", "pulumi", engine.pid, "alive"),
    ]
    assert {each["host"] for each in shown} == {socket.gethostname()}
    assert all(each["since"] and each["user"] for each in shown)
    assert "found `atoll up`" in refused.stderr
    assert "waiting: environment brief: found `atoll up` at work (pid" in waited.stdout
    assert "(--wait)" in waited.stderr
    run.communicate()
    assert course.checkout.report("lock", "show", NAME)["locks"] == []


def test_a_run_that_waits_goes_on_when_the_other_has_ended(course):
    run = _begun(course)
    (engine,) = looking.workers(course.checkout.environment(NAME).folder)["pulumi"]
    engine.suspend()
    try:
        second = course.checkout.start("up", NAME, "--wait", "5m")
        waiting = f"waiting: environment {NAME}: found `atoll up` at work (pid {run.pid} of "
        said = next((line for line in second.stdout if waiting in line), None)
    finally:
        engine.resume()

    assert said
    assert run.wait(60) == Exit.DONE
    run.communicate()
    second.communicate()
    assert second.returncode == Exit.DONE


@pytest.mark.parametrize(("host", "code"), [("", Exit.DONE), ("elsewhere", Exit.REFUSED)])
def test_only_a_lock_that_is_provably_stale_is_broken(course, host, code):
    environment = course.checkout.environment(NAME)
    folder = files.folder(environment.state / locks.place(NAME))
    told = {"pid": os.getpid(), "hostname": host or socket.gethostname(), "username": "somebody"}
    lock = folder / "left.json"
    lock.write_text(json.dumps({**told, "timestamp": "2026-01-01T00:00:00Z"}))
    try:
        done = course.checkout.atoll("lock", "break", NAME, code=code)
        assert lock.exists() is (code is Exit.REFUSED)
        if host:
            assert f"whether pid {os.getpid()} still runs on {host} cannot be known from" in done.stderr
            refused = course.checkout.atoll("up", NAME, "--wait", "1s", code=Exit.LOCKED)
            assert f"on {host}" in refused.stderr
    finally:
        lock.unlink(missing_ok=True)
