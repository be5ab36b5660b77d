"""The supervisor over real processes: started once, restarted for what changed, gone with what let them go."""

import os
import signal
import tempfile
from pathlib import Path

import psutil
import pytest

from atoll.host import Program, Supervisor
from harness.processes import apart
from harness.waiting import until


@pytest.fixture
def environment(tmp_path, monkeypatch):
    # pytest's own temporary folders are too deep for a socket's path.
    with (
        tempfile.TemporaryDirectory(prefix="atoll-") as home,
        apart(tmp_path, Path(home), monkeypatch) as made,
    ):
        yield made


@pytest.fixture
def supervisor(environment):
    made = Supervisor(environment)
    made.start()
    return made


def _sleeper(seconds="1000", name="a.sleep"):
    return Program(name, ("sleep", seconds))


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
