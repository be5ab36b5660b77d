"""An environment ends, however broken it is, and nothing beside it does."""

import os
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from atoll.automation import ending
from atoll.core.errors import AtollError, LockedError
from atoll.host import Environment, Ports, Program, Supervisor, remains
from atoll.provider import launcher
from harness.processes import Told
from harness.waiting import until

_KEPT = {"state", "atoll"}
"""The folders of the user's own that environments live in."""


@pytest.fixture
def home(monkeypatch):
    with tempfile.TemporaryDirectory(prefix="atoll-") as folder:
        monkeypatch.setenv("ATOLL_HOME", folder)
        monkeypatch.setenv("XDG_STATE_HOME", f"{folder}/state")
        monkeypatch.setattr("atoll.host.supervisor._ANSWER", timedelta(seconds=2))
        yield Path(folder)


@pytest.fixture
def environment(home, tmp_path):
    made = Environment.of(tmp_path, "e")
    made.create()
    Ports(made).get("lagoon/etcd")
    supervisor = Supervisor(made)
    supervisor.start()
    supervisor.ensure([Program(f"lagoon.{name}", ("sleep", "1000")) for name in ("etcd", "kwok")])
    until(lambda: all(each.state == "RUNNING" for each in supervisor.processes()))
    yield made
    assert home.exists()
    for each in [*remains.supervisors(made), *remains.supervised(made)]:
        each.kill()


def _freeze_the_supervisor(environment):
    for process in remains.supervisors(environment):
        process.suspend()


def _freeze_everything(environment):
    for process in [*remains.supervisors(environment), *remains.supervised(environment)]:
        process.suspend()


def _remove_the_socket(environment):
    environment.socket.unlink()


def _garbage_everywhere(environment):
    for path in environment.folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.write_bytes(b"\xff\x00{")


def _unreadable_pid_file(environment):
    (environment.folder / "supervisord.pid").unlink()
    (environment.folder / "supervisord.pid").mkdir()


def _folders_are_missing(environment):
    for path in (environment.logs, environment.programs, environment.state, environment.clusters):
        subprocess.run(["rm", "-rf", path], check=True)  # noqa: S607 - as a person would


def _the_folder_is_gone(environment):
    subprocess.run(["rm", "-rf", environment.folder], check=True)  # noqa: S607 - as a person would


def _a_closed_folder(environment):
    (environment.logs / "deep").mkdir()
    (environment.logs / "deep" / "file").touch()
    (environment.logs / "deep").chmod(0)
    environment.programs.chmod(0o500)


def _the_supervisor_is_killed(environment):
    for process in remains.supervisors(environment):
        process.kill()


def _children_outlive_their_supervisor(environment):
    # A frozen process takes no TERM from the kernel when its supervisor dies.
    for process in remains.supervised(environment):
        process.suspend()
    _the_supervisor_is_killed(environment)


@pytest.mark.parametrize(
    "broken",
    [
        _freeze_the_supervisor,
        _freeze_everything,
        _remove_the_socket,
        _garbage_everywhere,
        _unreadable_pid_file,
        _folders_are_missing,
        _the_folder_is_gone,
        _a_closed_folder,
        _the_supervisor_is_killed,
        _children_outlive_their_supervisor,
    ],
)
def test_whatever_is_broken_nothing_is_left(environment, home, broken):
    screen = Told()
    alive = [*remains.supervisors(environment), *remains.supervised(environment)]
    assert len(alive) == 3
    broken(environment)

    ending.down(environment, screen)

    assert [each for each in alive if each.is_running() and each.status() != psutil.STATUS_ZOMBIE] == []
    assert not environment.folder.exists()
    assert [path for path in home.rglob("*") if path.name not in _KEPT] == []
    assert screen.lines[-1] == "environment e: removed"
    if broken in {_freeze_the_supervisor, _remove_the_socket, _the_folder_is_gone}:
        assert any("which its supervisor did not" in line for line in screen.lines)


def test_what_only_looks_like_the_environments_is_left_alone(environment):
    log = environment.logs / "supervisord.log"
    prepared = {**os.environ, "ATOLL_ENVIRONMENT": str(environment.folder)}
    bystanders = [
        subprocess.Popen(["tail", "-f", log], stdout=subprocess.DEVNULL),  # noqa: S607 - a person's
        subprocess.Popen(["sleep", "1000"], cwd=environment.folder),  # noqa: S607 - a person's
        subprocess.Popen(["sleep", "1000"], env=prepared),  # noqa: S607 - a person's
    ]
    try:
        ending.down(environment, Told())
        assert [each.poll() for each in bystanders] == [None] * 3
    finally:
        for each in bystanders:
            each.kill()
            each.wait()


def test_an_engine_that_outlived_its_command_is_ended_and_told(environment):
    prepared = {**os.environ, "ATOLL_ENVIRONMENT": str(environment.folder)}
    script = "import time; time.sleep(1000)"
    engine = subprocess.Popen([sys.executable, "-c", script, "pulumi-resource-atoll"], env=prepared)
    screen = Told()
    until(lambda: remains.engines(environment))

    ending.down(environment, screen)

    assert engine.wait(10) is not None
    assert any(f"(pid {engine.pid}), which still worked for it" in line for line in screen.lines)


def test_an_idle_server_of_plugins_is_ended_and_nothing_is_said_of_it(environment):
    prepared = {**os.environ, "ATOLL_ENVIRONMENT": str(environment.folder)}
    script = "import time; time.sleep(1000)"
    server = subprocess.Popen([sys.executable, "-c", script, launcher.SERVER], env=prepared)
    screen = Told()
    until(lambda: remains.engines(environment))

    ending.down(environment, screen)

    assert server.wait(10) is not None
    assert screen.lines == ["environment e: removed"]


def test_where_there_is_nothing_that_is_told_and_a_lost_block_of_ports_is_given_back(environment, home):
    Supervisor(environment).stop()
    _the_folder_is_gone(environment)
    screen = Told()

    ending.down(environment, screen)

    assert screen.lines == ["environment e: nothing to remove"]
    assert [path for path in home.rglob("*") if path.name not in _KEPT] == []


def test_an_environment_at_work_is_never_taken_down(environment):
    with environment.locked("up"), pytest.raises(LockedError, match="found `atoll up` at work"):
        ending.down(environment, Told())
    (environment.folder / "holder.json").write_text("{")
    assert Supervisor(environment).answers()


def test_what_lives_on_is_kept_where_it_cannot_be_cleared_unless_that_is_wanted(environment, monkeypatch):
    state = environment.state / ".pulumi" / "stacks" / "atoll" / "e.json"
    state.parent.mkdir(parents=True)
    state.write_text('{"cut off in the middle of atoll:index:ExistingCluster')

    def unprepared(_environment, _screen, _kms, _state, **_):
        raise AtollError("pulumi: found no JSON; expected a state")

    monkeypatch.setattr("atoll.automation.preparation.prepare", unprepared)
    with pytest.raises(AtollError, match=r"no way to clear it .* atoll down e --force"):
        ending.down(environment, Told())
    assert Supervisor(environment).answers()

    ending.down(environment, Told(), force=True)
    assert not environment.folder.exists()


def test_a_supervisor_that_is_frozen_or_lost_its_socket_gives_way_to_a_new_one(environment):
    for broken in (_freeze_everything, _remove_the_socket):
        before = [*remains.supervisors(environment), *remains.supervised(environment)]
        broken(environment)

        assert Supervisor(environment).start() is True

        until(lambda: all(each.state == "RUNNING" for each in Supervisor(environment).processes()))
        assert not [each for each in before if each.is_running()]
        assert len(remains.supervised(environment)) == 2
        assert len(remains.supervisors(environment)) == 1
