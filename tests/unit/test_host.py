import os
import signal
import socket
import tempfile
from pathlib import Path

import psutil
import pytest

from atoll.core.errors import ArgsError, IntegrityError, LockedError, UnavailableError
from atoll.host import Environment, Ports, Program, Supervisor
from harness.waiting import until


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


def test_two_checkouts_and_two_environments_never_meet(tmp_path):
    one, two = tmp_path / "a" / "atoll", tmp_path / "b" / "atoll"
    folders = {Environment.of(checkout, name).folder for checkout in (one, two) for name in ("dev", "test")}
    assert len(folders) == 4


def test_an_environment_is_its_owners_alone(environment):
    assert environment.folder.stat().st_mode & 0o077 == 0


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


def test_ports_that_cannot_be_read_are_never_chosen_anew(environment):
    Ports(environment).get("a/x")
    (environment.folder / "ports.json").write_text('{"a/x": 2')
    for use in (lambda: Ports(environment).get("a/x"), lambda: Ports(environment).release("a/")):
        with pytest.raises(
            IntegrityError, match=r"ports.json: found no ports in it .* atoll down e, then atoll up e"
        ):
            use()
    assert Ports(environment).known() == {}


def test_a_port_taken_by_another_program_is_passed_over(environment):
    with socket.socket() as taken:
        ports = Ports(environment)
        base = ports.get("a/x")
        held = next(port for port in range(base + 1, base + 256) if _is_bound(taken, port))
        taken.listen()
        assert ports.get("a/y") not in {base, held}


def _is_bound(taken, port):
    """Whether a port could be taken: a program beside this test may have it."""
    try:
        taken.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


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
    until(lambda: supervisor.state("a.sleep").state == "RUNNING")
    pid = supervisor.state("a.sleep").pid

    assert supervisor.ensure([_sleeper()]) == []
    assert supervisor.state("a.sleep").pid == pid
    assert supervisor.ensure([_sleeper("2000")]) == ["a.sleep"]
    assert supervisor.state("a.sleep").pid != pid


def test_a_killed_program_comes_back(supervisor):
    supervisor.ensure([_sleeper()])
    until(lambda: supervisor.state("a.sleep").state == "RUNNING")
    pid = supervisor.state("a.sleep").pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: supervisor.state("a.sleep").pid not in {0, pid})


def test_programs_die_with_their_supervisor_and_come_back_with_the_next(supervisor, environment):
    supervisor.ensure([_sleeper()])
    until(lambda: supervisor.state("a.sleep").state == "RUNNING")
    child = psutil.Process(supervisor.state("a.sleep").pid)
    os.kill(int((environment.folder / "supervisord.pid").read_text()), signal.SIGKILL)
    child.wait(10)

    assert supervisor.start() is True
    until(lambda: supervisor.state("a.sleep").state == "RUNNING")
    assert supervisor.start() is False


def test_a_removed_program_is_gone(supervisor, environment):
    supervisor.ensure([_sleeper()])
    pid = supervisor.state("a.sleep").pid
    supervisor.remove(["a.sleep", "never.there"])
    assert supervisor.processes() == []
    assert not psutil.pid_exists(pid)
    assert list(environment.programs.iterdir()) == []


def test_a_removal_that_was_killed_is_known_to_the_next(supervisor, environment, monkeypatch):
    supervisor.ensure([_sleeper()])

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Supervisor, "_drop", killed)
    with pytest.raises(KeyboardInterrupt):
        supervisor.remove(["a.sleep"])

    assert [path.stem for path in environment.programs.iterdir()] == ["a.sleep"]
    monkeypatch.undo()
    supervisor.remove(["a.sleep"])
    assert supervisor.processes() == []


def test_a_program_that_was_let_go_and_is_still_described_is_told_and_started_again(supervisor):
    supervisor.ensure([_sleeper()])
    until(lambda: supervisor.state("a.sleep").state == "RUNNING")
    assert supervisor.ended([_sleeper()]) == []
    with supervisor._proxy() as proxy:
        # As far as a removal comes that is killed before it forgets the program.
        supervisor._drop(proxy, "a.sleep")

    assert supervisor.differing([_sleeper()]) == []
    assert supervisor.ended([_sleeper()]) == [_sleeper()]
    assert supervisor.ensure([_sleeper()]) == ["a.sleep"]
    until(lambda: supervisor.state("a.sleep").state == "RUNNING")
    assert supervisor.ended([_sleeper()]) == []


_SLOW_TO_END = ("sh", "-c", "trap 'sleep 1; exit' TERM; while :; do sleep 0.1; done")


@pytest.mark.parametrize("then", ["ensure", "restart", "another", "remove"])
def test_a_program_is_still_ending_when_whoever_asked_it_to_was_killed(supervisor, then):
    program = Program("a.slow", _SLOW_TO_END)
    supervisor.ensure([program])
    until(lambda: supervisor.state("a.slow").state == "RUNNING")
    pid = supervisor.state("a.slow").pid
    with supervisor._proxy() as proxy:
        proxy.stopProcess("a.slow", False)  # noqa: FBT003 - XML-RPC
    assert supervisor.state("a.slow").state == "STOPPING"
    assert supervisor.ended([program]) == [program]

    if then == "remove":
        supervisor.remove(["a.slow"])
        assert supervisor.state("a.slow") is None
        return
    if then == "restart":
        assert supervisor.restart("a.slow")
    else:
        assert supervisor.ensure([_sleeper(name="a.slow") if then == "another" else program]) == ["a.slow"]
    until(lambda: supervisor.state("a.slow").state == "RUNNING")
    assert supervisor.state("a.slow").pid != pid


def test_arguments_reach_a_program_as_they_are(supervisor, tmp_path):
    target = tmp_path / "out"
    odd = 'a "b" 100% \\ c; $HOME'
    supervisor.ensure([Program("a.odd", ("sh", "-c", f'printf %s "$1" > {target}; sleep 100', "sh", odd))])
    until(lambda: target.exists() and target.read_text() == odd)


def test_a_program_sees_its_variables_and_is_restarted_for_another(supervisor, tmp_path):
    target = tmp_path / "out"
    line = ("sh", "-c", f'printf %s "$SHARE of $WHOLE" > {target}; sleep 100')
    programs = [
        Program("a.odd", line, variables=(("SHARE", share), ("WHOLE", "all")))
        for share in ("5%, or", "6%, or")
    ]
    supervisor.ensure([programs[0]])
    until(lambda: target.exists() and target.read_text() == "5%, or of all")
    assert supervisor.ensure([programs[0]]) == []
    assert supervisor.ensure([programs[1]]) == ["a.odd"]
    until(lambda: target.read_text() == "6%, or of all")


def test_programs_see_nothing_of_the_callers_environment(environment, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted")
    supervisor = Supervisor(environment)
    supervisor.start()
    supervisor.ensure([_sleeper()])
    until(lambda: (found := supervisor.state("a.sleep")) and found.state == "RUNNING")
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
