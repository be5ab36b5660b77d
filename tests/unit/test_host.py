import os
import signal
import socket
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from atoll.core.errors import ArgsError, LockedError, UnavailableError
from atoll.host import Environment, Ports, Program, Supervisor


@pytest.fixture
def home():
    # pytest's own temporary folders are too deep for a socket's path.
    with tempfile.TemporaryDirectory(prefix="atoll-") as folder:
        yield Path(folder)


@pytest.fixture
def environment(home, tmp_path, monkeypatch):
    monkeypatch.setenv("ATOLL_HOME", str(home))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    made = Environment.of(tmp_path, "e")
    made.create()
    yield made
    Supervisor(made).stop()
    Ports(made).release_block()


@pytest.fixture
def supervisor(environment):
    made = Supervisor(environment)
    made.start()
    return made


def _sleeper(seconds="1000", name="a.sleep"):
    return Program(name, ("sleep", seconds))


def _until(condition):
    end = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_two_checkouts_and_two_environments_never_meet(tmp_path):
    one, two = tmp_path / "a" / "atoll", tmp_path / "b" / "atoll"
    folders = {Environment.of(checkout, name).folder for checkout in (one, two) for name in ("dev", "test")}
    assert len(folders) == 4


def test_an_environment_is_its_owners_alone(environment):
    assert environment.folder.stat().st_mode & 0o077 == 0
    assert environment.passphrase().stat().st_mode & 0o177 == 0
    assert environment.passphrase().read_text() == environment.passphrase().read_text()


def test_a_program_finds_the_environment_it_works_for(environment, monkeypatch):
    monkeypatch.setenv("ATOLL_ENVIRONMENT", str(environment.folder))
    assert Environment.current() == environment
    monkeypatch.delenv("ATOLL_ENVIRONMENT")
    with pytest.raises(UnavailableError, match="atoll env dev"):
        Environment.current()


def test_a_path_too_long_for_a_socket_is_refused_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("ATOLL_HOME", str(tmp_path / ("x" * 100)))
    with pytest.raises(ArgsError, match="Set ATOLL_HOME to a shorter path"):
        Environment.of(tmp_path, "e").create()


def test_an_environment_at_work_is_locked_and_says_by_whom(environment):
    with (
        environment.locked("up"),
        pytest.raises(LockedError, match=rf"found `atoll up` at work \(pid {os.getpid()}\)"),
        environment.locked("down"),
    ):
        pass


def test_ports_are_kept_and_given_back(environment):
    ports = Ports(environment)
    first = ports.get("a/x")
    assert ports.get("a/x") == first == Ports(environment).get("a/x")
    assert ports.get("b/x") != first
    ports.release("a/")
    assert ports.get("c/x") == first


def test_a_port_taken_by_another_program_is_passed_over(environment):
    with socket.socket() as taken:
        ports = Ports(environment)
        base = ports.get("a/x")
        taken.bind(("127.0.0.1", base + 1))
        taken.listen()
        assert ports.get("a/y") == base + 2


def test_environments_have_blocks_of_their_own(environment, home, tmp_path, monkeypatch):
    monkeypatch.setenv("ATOLL_HOME", str(home / "other"))
    other = Environment.of(tmp_path, "o")
    other.create()
    try:
        assert abs(Ports(other).get("a/x") - Ports(environment).get("a/x")) >= 256
    finally:
        Ports(other).release_block()


def test_a_program_is_started_once_and_again_when_it_changes(supervisor):
    assert supervisor.ensure([_sleeper()]) == ["a.sleep"]
    _until(lambda: supervisor.state("a.sleep").state == "RUNNING")
    pid = supervisor.state("a.sleep").pid

    assert supervisor.ensure([_sleeper()]) == []
    assert supervisor.state("a.sleep").pid == pid
    assert supervisor.ensure([_sleeper("2000")]) == ["a.sleep"]
    assert supervisor.state("a.sleep").pid != pid


def test_a_killed_program_comes_back(supervisor):
    supervisor.ensure([_sleeper()])
    _until(lambda: supervisor.state("a.sleep").state == "RUNNING")
    pid = supervisor.state("a.sleep").pid
    os.kill(pid, signal.SIGKILL)
    _until(lambda: supervisor.state("a.sleep").pid not in {0, pid})


def test_programs_die_with_their_supervisor_and_come_back_with_the_next(supervisor, environment):
    supervisor.ensure([_sleeper()])
    _until(lambda: supervisor.state("a.sleep").state == "RUNNING")
    child = psutil.Process(supervisor.state("a.sleep").pid)
    os.kill(int((environment.folder / "supervisord.pid").read_text()), signal.SIGKILL)
    child.wait(10)

    assert supervisor.start() is True
    _until(lambda: supervisor.state("a.sleep").state == "RUNNING")
    assert supervisor.start() is False


def test_a_removed_program_is_gone(supervisor, environment):
    supervisor.ensure([_sleeper()])
    pid = supervisor.state("a.sleep").pid
    supervisor.remove(["a.sleep", "never.there"])
    assert supervisor.processes() == []
    assert not psutil.pid_exists(pid)
    assert list(environment.programs.iterdir()) == []


def test_arguments_reach_a_program_as_they_are(supervisor, tmp_path):
    target = tmp_path / "out"
    odd = 'a "b" 100% \\ c; $HOME'
    supervisor.ensure([Program("a.odd", ("sh", "-c", f'printf %s "$1" > {target}; sleep 100', "sh", odd))])
    _until(lambda: target.exists() and target.read_text() == odd)


def test_programs_see_nothing_of_the_callers_environment(environment, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted")
    supervisor = Supervisor(environment)
    supervisor.start()
    supervisor.ensure([_sleeper()])
    _until(lambda: (found := supervisor.state("a.sleep")) and found.state == "RUNNING")
    process = supervisor.state("a.sleep")
    assert process
    assert b"planted" not in Path(f"/proc/{process.pid}/environ").read_bytes()


def test_the_last_environment_takes_the_registry_of_ports_along(environment, home, tmp_path):
    other = Environment.of(tmp_path, "other")
    other.create()
    for each in (environment, other):
        Ports(each).get("a/x")
    registry = home / "state" / "atoll" / "ports"

    Ports(other).release_block()
    assert len(list(registry.glob("[0-9]*"))) == 1
    Ports(environment).release_block()

    assert not registry.exists()
