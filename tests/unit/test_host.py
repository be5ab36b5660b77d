import os
import socket
import tempfile
from pathlib import Path

import pytest

from atoll.core.errors import ArgsError, IntegrityError, LockedError, UnavailableError
from atoll.host import Environment, Ports
from harness.processes import apart


@pytest.fixture
def home():
    # pytest's own temporary folders are too deep for a socket's path.
    with tempfile.TemporaryDirectory(prefix="atoll-") as folder:
        yield Path(folder)


@pytest.fixture
def environment(home, tmp_path, monkeypatch):
    with apart(tmp_path, home, monkeypatch) as made:
        yield made


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
        pytest.raises(LockedError, match=rf"found `atoll up` at work \(pid {os.getpid()} of \w+ on "),
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
