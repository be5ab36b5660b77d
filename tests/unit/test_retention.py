"""What an environment keeps of its past is bounded."""

import contextlib
import subprocess
import sys
import time

import pytest

from atoll.automation import retention
from atoll.host import Environment, Program, Supervisor, description, ports
from harness import processes

MIB = 1 << 20
BOUND = 512 * MIB
"""What README and ARCHITECTURE say of all the logs of one environment."""


@pytest.fixture
def environment(tmp_path):
    return Environment(tmp_path, "e", tmp_path / "e")


def _run(environment, number, size=10):
    """The files that one run of the engine leaves, as it names them."""
    stamp = 1795513797095338029 + number * 10**12
    for kind, name in (
        ("history", f"e-{stamp}.checkpoint.json"),
        ("history", f"e-{stamp}.history.json"),
        ("backups", f"e.{stamp + 7}.json"),
    ):
        for suffix in ("", ".attrs"):
            path = environment.state / ".pulumi" / kind / "atoll" / "e" / f"{name}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * size)


def _kept(environment):
    return sorted(path.name for path in environment.state.rglob("*") if path.is_file())


def test_the_newest_runs_are_kept_whole(environment):
    for number in range(retention.UPDATES):
        _run(environment, number)
    before = _kept(environment)
    retention.trim(environment)
    assert _kept(environment) == before

    for number in range(retention.UPDATES, 2 * retention.UPDATES):
        _run(environment, number)
    after = [name for name in _kept(environment) if name not in before]
    retention.trim(environment)
    assert _kept(environment) == after
    assert len(after) == 6 * retention.UPDATES


def test_large_states_are_kept_for_fewer_runs_and_the_newest_always(environment, monkeypatch):
    monkeypatch.setattr(retention, "BYTES", 1000)
    for number in range(5):
        _run(environment, number, size=100)
    retention.trim(environment)
    # A run leaves four files of history and two backups.
    history = [name for name in _kept(environment) if ".history." in name]
    assert len(history) == 4
    _run(environment, 9, size=5000)
    retention.trim(environment)
    assert len(_kept(environment)) == 6


def test_an_environment_without_a_past_is_left_as_it_is(environment):
    retention.trim(environment)
    retention.sweep(environment)
    assert not environment.folder.exists()


def test_event_logs_of_killed_commands_are_swept(environment):
    (environment.folder / "events.abc").mkdir(parents=True)
    (environment.folder / "events.abc" / "events").touch()
    (environment.folder / "environment.json").touch()
    retention.sweep(environment)
    assert [path.name for path in environment.folder.iterdir()] == ["environment.json"]


def test_all_logs_of_an_environment_have_one_bound():
    # Every process holds at least one port of the environment's block (tests/unit/test_local_cluster.py).
    files = 1 + description.LOG_BACKUPS
    assert ports.BLOCK * files * description.LOG_LIMIT <= BOUND
    # The supervisor reads and writes 128 KiB at once, and turns a log over after that.
    assert description.LOG_BYTES + 128 * 1024 <= description.LOG_LIMIT


@pytest.fixture
def supervised(monkeypatch):
    with processes.supervised(monkeypatch) as made:
        yield made


def test_a_days_logs_of_a_talkative_process_stay_within_their_bound(supervised, tmp_path):
    # An API server of a member wrote 0.2 MiB in a day here: these are 100 days of it, in one breath.
    script = (
        "import sys, time; [print(f'{n:099}') for n in range(200_000)]; sys.stdout.flush(); "
        "open(sys.argv[1], 'w'); time.sleep(1000)"
    )
    done = tmp_path / "done"
    supervisor = Supervisor(supervised)
    supervisor.ensure([Program("a.b", (sys.executable, "-c", script, str(done)))])
    end, most = time.monotonic() + 30, 0
    while not done.exists() or not _last(supervisor).endswith("199999"):
        most = max(most, _size(supervised))
        assert time.monotonic() < end

    assert most <= 2 * MIB
    assert sorted(path.name for path in supervised.logs.glob("a.b*")) == ["a.b.log", "a.b.log.1"]


def _last(supervisor):
    return subprocess.run(
        ["tail", "-n", "1", supervisor.log("a.b")],  # noqa: S607 - a file of 1 MiB, read again and again
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()


def _size(environment):
    total = 0
    for path in environment.logs.glob("a.b*"):
        # It may be turned over just now.
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total
