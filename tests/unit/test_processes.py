import itertools
import time

import pytest

from atoll.automation import processes
from atoll.automation.logs import logs
from atoll.core.errors import ArgsError, UnavailableError
from atoll.host import Environment


@pytest.fixture
def environment(tmp_path):
    made = Environment(tmp_path, "e", tmp_path / "e")
    for folder in (made.logs, made.programs):
        folder.mkdir(parents=True)
    (made.folder / "environment.json").write_text("{}")
    return made


def _followed(environment, name, count):
    told = logs(environment, name, follow=True)
    found = list(itertools.islice(told, count))
    told.close()
    return found


def test_an_environment_that_never_was_is_told_with_the_command_that_makes_it(tmp_path):
    with pytest.raises(
        UnavailableError, match=r"environment e: found none; expected one that is up. Run: atoll up e"
    ):
        processes.known(Environment(tmp_path, "e", tmp_path / "e"))


def test_logs_of_all_are_told_apart_by_name(environment):
    (environment.logs / "a.etcd.log").write_text("one\ntwo\n")
    (environment.logs / "b.etcd.log").write_text("three\n")

    assert list(logs(environment, None, follow=False)) == [
        "a.etcd: one",
        "a.etcd: two",
        "b.etcd: three",
    ]
    with pytest.raises(ArgsError, match=r"found 'c'; expected one of: a.etcd, b.etcd"):
        list(logs(environment, "c", follow=False))


def test_a_followed_log_tells_whole_lines_once_and_goes_on_after_a_rotation(environment, monkeypatch):
    log = environment.logs / "a.log"
    log.write_text("one\nhal")
    steps = iter(["one\nhalf\n", "new\n"])
    monkeypatch.setattr(time, "sleep", lambda _seconds: log.write_text(next(steps)))

    assert _followed(environment, "a", 3) == ["one", "half", "new"]


def test_an_old_log_is_shown_from_near_its_end(environment):
    (environment.logs / "a.log").write_text("x" * 30_000 + "\nlast\n")

    *_, last = logs(environment, "a", follow=False)

    assert last == "last"


def _turn(log, more, new):
    """As the supervisor turns a log over: the last words to the old file, the next to a new one of its name."""
    with log.open("a") as stream:
        stream.write(more)
    log.rename(log.with_name(f"{log.name}.1"))
    log.write_text(new)


def test_nothing_is_lost_or_told_twice_when_a_followed_log_turns(environment, monkeypatch):
    log = environment.logs / "a.log"
    log.write_text("one\nhal")
    long = "x" * 300
    steps = iter([lambda: _turn(log, "f\nthree\n", f"{long}\n"), lambda: _turn(log, "", "five\n")])
    monkeypatch.setattr(time, "sleep", lambda _seconds: next(steps)())

    assert _followed(environment, "a", 5) == ["one", "half", "three", long, "five"]


def test_a_process_that_is_added_while_all_are_followed_is_told_too(environment, monkeypatch):
    (environment.logs / "a.log").write_text("one\n")
    monkeypatch.setattr(time, "sleep", lambda _seconds: (environment.logs / "b.log").write_text("two\n"))

    assert _followed(environment, None, 2) == ["a: one", "b: two"]


def test_the_last_words_of_a_process_that_died_in_the_middle_of_a_line_are_told(environment):
    (environment.logs / "a.log").write_text("one\npanic")

    assert list(logs(environment, "a", follow=False)) == ["one", "panic"]


def test_the_first_line_of_an_old_log_is_never_half_a_line(environment):
    (environment.logs / "a.log").write_text("".join(f"{number:09}\n" for number in range(3000)))

    found = list(logs(environment, "a", follow=False))

    assert found == [f"{number:09}" for number in range(1001, 3000)]
