import itertools
import time

import pytest

from atoll.automation import processes
from atoll.automation.show import Screen
from atoll.core.errors import ArgsError, Exit, UnavailableError
from atoll.host import Environment


@pytest.fixture
def environment(tmp_path):
    made = Environment(tmp_path, "e", tmp_path / "e")
    for folder in (made.logs, made.programs):
        folder.mkdir(parents=True)
    (made.folder / "environment.json").write_text("{}")
    return made


def _followed(environment, name, count):
    return list(itertools.islice(processes.logs(environment, name, follow=True), count))


def test_an_environment_that_never_was_is_told_with_the_command_that_makes_it(tmp_path):
    with pytest.raises(
        UnavailableError, match=r"environment e: found none; expected one that is up. Run: atoll up e"
    ):
        processes.known(Environment(tmp_path, "e", tmp_path / "e"))


def test_what_has_no_supervisor_is_stopped(environment):
    (environment.programs / "lagoon.etcd.conf").write_text("")

    code, found = processes.status(environment, Screen(quiet=True))

    assert code is Exit.UNAVAILABLE
    assert found == [processes.Status("lagoon.etcd", "STOPPED")]


def test_logs_of_all_are_told_apart_by_name(environment):
    (environment.logs / "a.etcd.log").write_text("one\ntwo\n")
    (environment.logs / "b.etcd.log").write_text("three\n")

    assert list(processes.logs(environment, None, follow=False)) == [
        "a.etcd: one",
        "a.etcd: two",
        "b.etcd: three",
    ]
    with pytest.raises(ArgsError, match=r"found 'c'; expected one of: a.etcd, b.etcd"):
        list(processes.logs(environment, "c", follow=False))


def test_a_followed_log_tells_whole_lines_once_and_goes_on_after_a_rotation(environment, monkeypatch):
    log = environment.logs / "a.log"
    log.write_text("one\nhal")
    steps = iter(["one\nhalf\n", "new\n"])
    monkeypatch.setattr(time, "sleep", lambda _seconds: log.write_text(next(steps)))

    assert _followed(environment, "a", 3) == ["one", "half", "new"]


def test_an_old_log_is_shown_from_near_its_end(environment):
    (environment.logs / "a.log").write_text("x" * 30_000 + "\nlast\n")

    *_, last = processes.logs(environment, "a", follow=False)

    assert last == "last"
