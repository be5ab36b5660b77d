"""What the machine may do to a run: a full disk, a folder that cannot be written, few open files, another clock."""

import ctypes
import errno
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from cryptography.x509 import load_pem_x509_certificate

from atoll.automation import locks, surroundings
from atoll.automation.locks import FileLock
from atoll.core import command, files, x509
from atoll.core.errors import Exit, UnavailableError, of_system
from atoll.federation.joining_effects import TOKEN_LIFE, MemberAccess
from atoll.host import Environment, Process, Program, Supervisor, limits, obstacles
from harness.waiting import until

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
STEP = timedelta(days=2)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            OSError(errno.ENOSPC, "", "a", None, "b"),
            "b: found no space left on device; expected room on its disk. Free some, and run the same command again.",
        ),
        (
            OSError(errno.EROFS, "", "a"),
            (
                "a: found read-only file system; expected a place that can be read and written. Mend that, or choose "
                "another one (ATOLL_HOME, ATOLL_CACHE)."
            ),
        ),
        (
            OSError(errno.EMFILE, ""),
            "this machine: found too many open files; expected to be allowed more. Run: ulimit -n 1024.",
        ),
    ],
)
def test_what_a_machine_lacks_is_told_in_one_line(error, line):
    told = of_system(error)
    assert str(told) == line
    assert told
    assert told.exit_code is Exit.UNAVAILABLE


def test_an_error_of_the_system_that_tells_of_a_bug_stays_itself():
    assert of_system(FileNotFoundError(errno.ENOENT, "")) is None


def test_a_file_that_finds_no_room_is_named_and_stays_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "state.json"
    files.write(path, "old")

    def full(_descriptor):
        raise FULL

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"state\.json"):
        files.write(path, "new")

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_keeps_nobody_from_holding_an_environment(tmp_path, monkeypatch):
    environment = Environment(tmp_path, "e", tmp_path / "e")

    def full(*_):
        raise FULL

    monkeypatch.setattr(files, "write_json", full)
    with environment.locked("down"):
        assert environment.folder.exists()


def test_a_home_is_the_same_from_every_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATOLL_HOME", "home")
    assert Environment.of(tmp_path, "e").folder.is_relative_to(tmp_path / "home")


def test_a_low_limit_of_open_files_is_raised_as_far_as_the_system_allows():
    raised = "limits.raise_open_files(); print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    assert _limited(100, 1024, raised).stdout.strip() == "1024"
    assert _limited(100, 200, raised).stdout.strip() == "200"


def test_a_limit_of_open_files_that_cannot_be_raised_is_told_before_anything_starts():
    told = _limited(200, 200, "limits.require_open_files()", check=False)
    assert "UnavailableError: open files: found a limit of 200; expected 1024" in told.stderr
    assert _limited(1024, 1024, "limits.require_open_files()").code == 0


def _limited(soft, hard, statement, *, check=True):
    program = (
        "import resource; from atoll.host import limits; "
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard})); {statement}"
    )
    return command.run([sys.executable, "-c", program], check=check)


def test_the_limit_of_this_process_is_read_anew(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (resource.RLIM_INFINITY,) * 2)
    limits.require_open_files()
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (10, 10))
    with pytest.raises(UnavailableError, match="prlimit --nofile=1024"):
        limits.require_open_files()


@pytest.fixture
def folder(tmp_path):
    return files.folder(tmp_path / "state" / ".pulumi" / "locks" / "organization" / "atoll" / "e")


def _lock(folder, pid, since=None):
    path = folder / "lock.json"
    since = since or datetime.now(UTC)
    path.write_text(
        json.dumps({"pid": pid, "hostname": socket.gethostname(), "timestamp": since.isoformat()})
    )
    return FileLock.read(path)


@pytest.fixture
def engine(tmp_path):
    """A living process that looks like an engine at work on the state with the lock."""
    script = tmp_path / "pulumi"
    script.write_bytes(b"#!/bin/sh\nsleep 100 & wait\n")
    script.chmod(0o755)
    state = Environment(tmp_path, "e", tmp_path).state
    backend = surroundings.own(Environment(tmp_path, "e", state.parent), plugins_downloaded=False)
    process = psutil.Popen(
        [script], env={**os.environ, "PULUMI_BACKEND_URL": backend["PULUMI_BACKEND_URL"]}, process_group=0
    )
    # Between its start and its first instruction nobody can read its variables.
    until(process.environ)
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_the_lock_of_a_living_engine_holds_whatever_becomes_of_the_clock(folder, engine):
    assert engine.name() == "pulumi"
    for since in (datetime.now(UTC), datetime.now(UTC) - STEP, datetime.now(UTC) + STEP):
        assert not _lock(folder, engine.pid, since).is_dead()


def test_the_lock_of_an_engine_that_ended_and_that_nobody_waited_for_is_dead(folder, engine):
    os.killpg(engine.pid, signal.SIGKILL)
    until(lambda: engine.status() == psutil.STATUS_ZOMBIE)

    assert _lock(folder, engine.pid).is_dead()


def test_the_lock_of_an_engine_whose_pid_another_program_has_now_is_dead(folder):
    for since in (datetime.now(UTC), datetime.now(UTC) - STEP, datetime.now(UTC) + STEP):
        assert _lock(folder, os.getpid(), since).is_dead()


def test_a_younger_engine_of_another_state_holds_nothing(engine, tmp_path):
    elsewhere = files.folder(tmp_path / "other" / "locks")
    assert _lock(elsewhere, engine.pid, datetime.now(UTC) - STEP).is_dead()


@pytest.mark.parametrize(("age", "dead"), [(0, False), (3600, True), (-STEP.total_seconds(), True)])
def test_half_a_lock_is_dead_unless_it_is_just_being_written(folder, age, dead):
    path = folder / "lock.json"
    path.write_text("")
    os.utime(path, (time.time() - age,) * 2)
    assert FileLock.read(path).is_dead() is dead


def test_what_could_not_be_written_to_its_end_is_found_once_nobody_writes_it(folder):
    state = folder.parents[4]
    old, new = folder / "lock.json.18eaf.tmp", state / ".pulumi" / "e.json.18eb0.tmp"
    for path in (old, new, folder / "lock.json"):
        path.touch()
    os.utime(old, (time.time() - 60,) * 2)
    assert list(locks.remains(state, idle=False)) == [old]
    assert sorted(locks.remains(state, idle=True)) == sorted([old, new])


def test_a_state_in_a_folder_of_any_name_has_an_address(tmp_path):
    environment = Environment(tmp_path, "e", tmp_path / "a b" / "ü#?%20")
    address = surroundings.own(environment, plugins_downloaded=False)["PULUMI_BACKEND_URL"]
    assert address.endswith("/a%20b/%C3%BC%23%3F%2520/state?metadata=skip")


def _supervised(environment, log, state="BACKOFF"):
    files.folder(environment.logs)
    (environment.logs / "tern.etcd.log").write_text(log)
    return [
        Process("tern.etcd", state, 0, ""),
        Process("tern.kwok", "BACKOFF", 0, ""),
        Process("heron.etcd", "RUNNING", 1, ""),
    ]


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (
            "listen tcp 127.0.0.1:{port}: bind: address already in use\nmore\n",
            "port {port}: found it taken by ",
        ),
        (
            "write wal: no space left on device\n",
            "{folder}: found no space left on device; expected tern.etcd to",
        ),
        (
            "127.0.0.1:1: bind: address already in use\nopen x: too many open files",
            "{folder}: found too many open",
        ),
        ("connection refused\n", None),
    ],
)
def test_what_keeps_a_process_from_running_is_told(tmp_path, monkeypatch, log, told):
    environment = Environment(tmp_path, "e", tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for state, expected in (("BACKOFF", told), ("RUNNING", None)):
            found = _supervised(environment, log.format(port=port), state)
            monkeypatch.setattr(Supervisor, "processes", lambda _self, found=found: found)
            lines = obstacles.of_cluster(environment, "tern")
            assert len(lines) == int(bool(expected))
            assert all(line.startswith((expected or "").format(port=port, folder=tmp_path)) for line in lines)
            assert obstacles.of_cluster(environment, "heron") == []


def test_too_few_inotify_instances_are_told_with_how_to_raise_them(tmp_path, monkeypatch):
    environment, ours = Environment(tmp_path, "e", tmp_path), ctypes.CDLL(None).inotify_init1(os.O_CLOEXEC)
    (tmp_path / "allowed").write_text("1")
    monkeypatch.setattr(limits, "_INSTANCES", tmp_path / "allowed")
    log = "webhook server exits unexpectedly: too many open files\n"
    monkeypatch.setattr(Supervisor, "processes", lambda _self: _supervised(environment, log))

    (line,) = obstacles.of_cluster(environment, "tern")
    os.close(ours)

    assert re.fullmatch(r"tern\.etcd: fs\.inotify\.max_user_instances: found \d+ of 1 in use; .*=1024", line)
    (tmp_path / "allowed").write_text("1000000")
    assert "found too many open files" in obstacles.of_cluster(environment, "tern")[0]


@pytest.mark.parametrize(("made", "stale"), [(STEP, True), (-STEP, False), (timedelta(seconds=30), False)])
def test_tokens_of_a_clock_that_was_set_back_are_renewed(made, stale):
    end = datetime.now(UTC) + made + TOKEN_LIFE
    outputs = {"expires": end.isoformat(), "lifeSeconds": TOKEN_LIFE.total_seconds()}
    assert bool(MemberAccess().stale({}, outputs)) is stale


@pytest.mark.parametrize("now", [-STEP, STEP])
def test_certificates_are_valid_though_the_clock_is_set_by_days(now):
    authority = x509.authority("a")
    for pair in (authority, x509.leaf(authority, x509.Subject("s"))):
        certificate = load_pem_x509_certificate(pair.certificate)
        then = datetime.now(UTC) + now
        assert certificate.not_valid_before_utc < then < certificate.not_valid_after_utc


def test_processes_run_in_a_folder_of_any_name(monkeypatch):
    with tempfile.TemporaryDirectory(prefix="atoll-") as folder:
        monkeypatch.setenv("ATOLL_HOME", f"{folder}/a b ü%d;#")
        environment = Environment.of(Path(folder), "e")
        environment.create()
        supervisor = Supervisor(environment)
        try:
            supervisor.start()
            supervisor.ensure([Program("a.echo", ("sh", "-c", "echo said; exec sleep 100"))])
            log, end = environment.logs / "a.echo.log", time.monotonic() + 40
            while not (log.exists() and log.read_text()) and time.monotonic() < end:
                time.sleep(0.1)
            assert log.read_text() == "said\n"
        finally:
            supervisor.stop()


def test_who_holds_a_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert obstacles.holder(taken.getsockname()[1]) == f"{psutil.Process().name()} (pid {os.getpid()})"
    assert obstacles.holder(1) == "another program"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_the_command_loads_ends_it_quietly(tmp_path, number):
    # Loading takes as long as we like: a module that it wants first waits.
    (tmp_path / "typer.py").write_text("import time\nprint('loading', flush=True)\ntime.sleep(60)\n")
    program = "from atoll.automation import entry; entry.main()"
    run = psutil.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stdout.readline() == "loading\n"
    run.send_signal(number)
    assert run.communicate()[1] == ""
    assert run.returncode == Exit.INTERRUPTED


@pytest.mark.parametrize("reason", ["write x: no space left on device", "panic: fatal: a value of no kind"])
def test_the_reason_of_a_program_that_fails_is_told_whatever_follows_it(reason):
    told = command.failure(
        ["/bin/pulumi"], 2, f"error: 2 errors\n  1) {reason}\n\ngoroutine 1:\n  x.go:3\n  2) Unknown\n"
    )
    assert str(told) == f"pulumi: exit code 2; expected 0: 1) {reason}"
