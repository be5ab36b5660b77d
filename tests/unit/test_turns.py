"""A command's turn, whose a lock is, and what is said of an interrupt."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from atoll.automation import bucket_locks, interruption, locking, locks, s3, started
from atoll.automation.interruption import EngineEnded
from atoll.automation.locks import Life
from atoll.automation.turns import Turn, duration
from atoll.core import command, files
from atoll.core.errors import ArgsError, LockedError, RefusedError
from atoll.host.holders import Holder
from atoll.platform.inventory import State
from harness.processes import Told, bare

BUSY = LockedError(
    "environment e: found `atoll up` at work (pid 1 of me on here, since now); expected nobody. Wait."
)
INVENTORY = "controlPlane:\n  driver: local\nkeys:\n  a: {}\n"


@pytest.fixture
def environment(tmp_path, monkeypatch):
    made = bare(tmp_path, monkeypatch)
    (tmp_path / "stacks" / "base.yaml").write_text("{}\n")
    (tmp_path / "stacks" / "e.yaml").write_text(INVENTORY)
    return made


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("1h", 3600), ("1h30m", 5400), ("2m5s", 125), ("0s", 0)]
)
def test_a_length_of_time_is_read(text, seconds):
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "5m1h", "-5m", "5 m", "forever"])
def test_what_is_no_length_of_time_is_refused(text):
    with pytest.raises(ArgsError, match="--wait: found"):
        duration(text)


def test_who_does_not_wait_is_told_at_once():
    with pytest.raises(LockedError) as told:
        Turn().wait(BUSY)
    assert told.value is BUSY


def test_who_waits_says_for_whom_and_gives_up_at_the_limit():
    said: list[str] = []
    turn = Turn(timedelta(seconds=0.05), said.append)
    begin = time.monotonic()

    with pytest.raises(LockedError, match=r"expected nobody\. Wait\. Waited 0 s \(--wait\)\."):
        _waits(turn)

    assert 0.05 <= time.monotonic() - begin < 5
    assert said == [
        "waiting: environment e: found `atoll up` at work (pid 1 of me on here, since now) (0 of 0 s)"
    ]


def _waits(turn):
    while True:
        turn.wait(BUSY)


def test_a_turn_comes_when_the_other_has_ended(environment):
    with (
        environment.locked("up") as _,
        pytest.raises(LockedError, match="found `atoll up`"),
        Turn().held(environment, "refresh"),
    ):
        pass
    with Turn(timedelta(minutes=1)).held(environment, "refresh"):
        assert environment.holder().purpose == "refresh"
    assert environment.holder() is None


def test_who_looks_at_a_lock_is_in_nobodys_way(environment):
    with environment.locked("up"):
        holder = environment.holder()
        assert holder == Holder("up", os.getpid(), holder.user, socket.gethostname(), holder.since)
        assert datetime.fromisoformat(holder.since).tzinfo == UTC
        assert [(each.lock, each.life) for each in locking.holdings(environment)] == [
            ("environment", Life.ALIVE)
        ]
    assert not files.is_locked(environment.folder / "lock")


def test_a_holder_that_writes_just_now_is_unknown(environment):
    with environment.locked("up"):
        (environment.folder / "holder.json").write_text('{"pid":')
        assert str(environment.holder()) == "`atoll ?` at work (pid ? of ? on ?, since ?)"


def _lock(environment, host, pid):
    path = files.folder(environment.state / locks.place("e")) / "a.json"
    told = {"pid": pid, "hostname": host, "username": "me", "timestamp": datetime.now(UTC).isoformat()}
    path.write_text(json.dumps(told))
    return path


def test_a_stale_lock_is_broken_and_one_of_another_host_is_not(environment):
    screen = Told()
    stale = _lock(environment, socket.gethostname(), os.getpid())
    assert locking.break_stale(environment, screen) == [str(stale)]
    assert not stale.exists()
    assert locking.break_stale(environment, screen) == []
    assert screen.lines[-1] == "environment e: nobody holds it"

    unknown = _lock(environment, "elsewhere", 7)
    with pytest.raises(RefusedError, match="whether pid 7 still runs on elsewhere cannot be known from"):
        locking.break_stale(environment, screen)
    assert unknown.exists()


def test_a_command_that_lives_is_not_broken(environment):
    with environment.locked("up"), pytest.raises(LockedError, match="found `atoll up`, which lives"):
        locking.break_stale(environment, Told())


@pytest.fixture
def bucket(environment, monkeypatch):
    monkeypatch.setattr(s3, "client", lambda _state: None)
    return bucket_locks.Bucket(environment, State(bucket="atoll-states", region="eu-central-1"))


def _in_bucket(bucket, host, pid, taken):
    text = json.dumps({"pid": pid, "hostname": host, "username": "me", "timestamp": taken.isoformat()})
    return bucket_locks.BucketLock(*locks.content(text), bucket, "k.json")


def _ended(environment):
    """An engine that was killed, as the environment wrote it down."""
    words = (*started.noting(environment), sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")
    return command.run(words, check=False)


def test_in_a_bucket_only_the_lock_of_an_engine_that_was_started_here_is_dead(environment, bucket):
    here, now = socket.gethostname(), datetime.now(UTC)
    done = _ended(environment)
    assert done.code == -signal.SIGKILL

    assert _in_bucket(bucket, here, done.pid, now).life()[0] is Life.DEAD
    # Another container may have this name, and the same number at another time.
    assert _in_bucket(bucket, here, done.pid, now - timedelta(hours=1)).life()[0] is Life.UNKNOWN
    assert _in_bucket(bucket, here, done.pid + 1, now).life()[0] is Life.UNKNOWN
    assert _in_bucket(bucket, "elsewhere", done.pid, now).life()[0] is Life.UNKNOWN
    assert bucket_locks.BucketLock(*locks.content(b"{"), bucket, "k.json").life()[0] is Life.UNKNOWN

    started.forget(environment, done.pid)
    assert _in_bucket(bucket, here, done.pid, now).life()[0] is Life.UNKNOWN
    assert not (environment.folder / started.FILE).exists()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyboardInterrupt(), " while no engine ran; its state is kept as it was."),
        (EngineEnded(signal.SIGINT), "; the engine ended in order, and its state has all that it did."),
        (
            EngineEnded(signal.SIGKILL),
            "; the engine was ended at once, and its state is kept. What it had begun is taken up",
        ),
    ],
    ids=["none", "in order", "at once"],
)
def test_an_interrupt_is_told_with_the_way_on(capsys, error, said):
    with pytest.raises(KeyboardInterrupt), interruption.told("e", "up"):
        raise error

    what, how = capsys.readouterr().err.splitlines()
    assert what.startswith(f"environment e: `atoll up` was interrupted{said}")
    assert how == "To go on, run it again: atoll up e"


PROGRAM = """
import time
from atoll.automation import interruption
interruption.listen()
for _ in range(3):
    try:
        print("begun", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


def test_an_interrupt_that_comes_twice_at_once_is_one_and_a_third_is_none():
    run = psutil.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    try:
        for _ in range(2):
            assert run.stdout.readline() == "begun\n"
            run.send_signal(signal.SIGTERM)
            assert run.stdout.readline() == "interrupted\n"
            run.send_signal(signal.SIGINT)
            time.sleep(0.6)
        assert run.stdout.readline() == "begun\n"
        run.send_signal(signal.SIGINT)
        time.sleep(0.2)
        assert run.poll() is None
    finally:
        run.kill()
        run.communicate()
