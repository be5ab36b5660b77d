"""The log for programs: which lines it has, what is in them, and when there is one."""

import json
import sys

import pytest

from atoll.automation import journal
from atoll.automation.events import Message, Outcome, Result, Severity
from atoll.automation.recap import Tally
from atoll.automation.show import Screen
from atoll.core.errors import LockedError, SettingsError

URN = "urn:pulumi:dev::atoll::atoll:index:Cluster::reef"
CHANGED = Result(URN, Outcome.CHANGED, "created", "reef", 1.23456)
SAME = Result(URN, Outcome.OK, "unchanged", "reef")
ENTRIES: list[Result | Message] = [
    CHANGED,
    SAME,
    Message(Severity.NOTE, "renewed: it ends soon", "reef"),
    Message(Severity.PROGRESS, "waiting", "reef"),
    Message(Severity.WARNING, "token=abc is old", "reef"),
    Message(Severity.ERROR, "* it failed\n* so did that", None, wraps=("OSError: no",), retryable=True),
    Message(Severity.ERROR, "* it failed\n* so did that", None),
]


@pytest.fixture
def log(capsys, monkeypatch):
    """Begins a command with variables, and reads what it logs: (its standard output, the lines of its log)."""

    def read(tell, *, machine=False, **variables):
        monkeypatch.delenv(journal.VARIABLE, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with journal.kept():
            journal.begin(machine=machine)
            tell()
        shown = capsys.readouterr()
        return shown.out, [json.loads(line) for line in shown.err.splitlines()]

    return read


def _tell():
    screen = Screen()
    screen.say("plugin kubernetes: installed\n")
    for entry in ENTRIES:
        screen.listen(entry)
    screen.end({"reef": Tally()})


def test_the_whole_log_has_results_notes_and_lines_beside_problems(log):
    out, lines = log(_tell, ATOLL_LOG="json")

    assert [(each["level"], each["event"], each.get("cluster")) for each in lines] == [
        ("info", "plugin kubernetes: installed", None),
        ("info", "created", "reef"),
        ("info", "renewed: it ends soon", "reef"),
        ("warning", "token=[redacted] is old", "reef"),
        ("error", "it failed; so did that", None),
    ]
    created, error = lines[1], lines[-1]
    assert (created["urn"], created["seconds"]) == (URN, 1.235)
    assert (error["wraps"], error["retryable"]) == (["OSError: no"], True)
    assert all(each["timestamp"].endswith("Z") for each in lines)
    # The answer for people goes on where it goes.
    assert "plugin kubernetes: installed" in out
    assert "RECAP" in out
    assert "it failed" not in out


def test_the_log_beside_an_answer_for_machines_has_problems_alone(log):
    _, lines = log(_tell, machine=True)

    assert [each["level"] for each in lines] == ["warning", "error"]


def test_people_have_no_log(log, capsys, monkeypatch):
    def tell():
        assert journal.current() is None

    log(tell)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    log(tell, machine=True)
    log(tell, ATOLL_LOG="text")
    # Outside of a command nobody's standard error is taken.
    journal.begin(machine=True)
    assert journal.current() is None
    assert capsys.readouterr().err == ""


def test_what_ends_a_command_is_told_problem_by_problem(log):
    def tell():
        found = journal.current()
        assert found
        found.fail(SettingsError("a: found 1", "b: found 2"))
        found.fail(LockedError("held"))
        journal.complain("a hint")
        journal.mention("trace: 1")

    _, lines = log(tell, ATOLL_LOG="json")

    told = [(each["level"], each["event"], each.get("exit"), each.get("retryable")) for each in lines]
    assert told == [
        ("error", "a: found 1", 2, False),
        ("error", "b: found 2", 2, False),
        ("error", "held", 7, True),
        ("warning", "a hint", None, None),
    ]


def test_people_are_told_in_words(capsys):
    journal.complain("a hint")
    journal.mention("trace: 1")

    assert capsys.readouterr().err == "warning: a hint\ntrace: 1\n"
