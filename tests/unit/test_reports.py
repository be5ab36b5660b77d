"""What holds of every report in every format, and of the largest."""

import json
import re
from typing import Any

import jsonschema
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from atoll.automation import junit, markdown, reports
from atoll.automation.answers import Format, InFormat, Reporting, answer
from atoll.automation.command_line import app
from atoll.automation.events import Message, Outcome, Result, Severity
from atoll.automation.recap import Tally
from atoll.automation.reports import MEANING, Report
from atoll.automation.selection import LeftOut
from atoll.core.errors import Exit, UnavailableError
from harness import reports as formats

_TEXT = st.text(max_size=60) | st.sampled_from(["```", "`a`", "a|b", "</details>", "-->", "\x00\x1b[31m"])
_RESULTS = st.builds(
    lambda kind, name, *rest: Result(f"urn:pulumi:prod::atoll::{kind}::{name}", *rest),
    st.sampled_from(["atoll:index:Cluster", "kubernetes:apps/v1:Deployment"]),
    _TEXT,
    st.sampled_from(list(Outcome)),
    st.sampled_from(["created", "gone", "failed"]),
    st.none() | _TEXT,
    st.floats(0, 1e6),
    st.tuples(_TEXT),
)
_PROBLEMS = st.builds(Message, st.sampled_from([Severity.ERROR, Severity.WARNING]), _TEXT, st.none() | _TEXT)
_TALLIES = st.builds(Tally, *[st.integers(0, 9)] * 3, _TEXT)
_NAMES = st.lists(_TEXT, max_size=20).map(tuple)
_LEFT = st.builds(LeftOut, _TEXT, st.integers(0, 99), st.integers(0, 99), _NAMES, _NAMES)
_REPORTS = st.builds(
    Report,
    st.sampled_from(list(Exit)),
    st.dictionaries(_TEXT, _TALLIES, max_size=4),
    st.lists(_RESULTS, max_size=5),
    st.lists(_PROBLEMS, max_size=5),
    st.lists(_RESULTS, max_size=5),
    st.sampled_from(["up", "up --check", "drift"]),
    st.just("prod"),
    st.none() | _LEFT,
)


def _change(number, place, text="x"):
    urn = f"urn:pulumi:prod::atoll::kubernetes:apps/v1:Deployment::{text}-{number}"
    return Result(urn, Outcome.CHANGED, "created", place, 1.0, ("spec.replicas", f"metadata.labels.{text}"))


@given(_REPORTS)
def test_any_report_is_valid_junit(report):
    formats.check(Format.JUNIT, junit.render(report))


@given(_REPORTS)
def test_any_report_is_markdown_that_keeps_its_folds_and_its_code(report):
    text = markdown.render(report)

    assert text.count("<details>") == len(re.findall(r"^</details>$", text, re.MULTILINE))
    assert len(text.encode()) < markdown.LIMIT


@pytest.mark.parametrize("text", ["x", "ü" * 200, "`" * 300])
@pytest.mark.parametrize("places", [1, 3000])
def test_five_thousand_changes_fit_into_a_comment_and_what_is_cut_off_is_counted(text, places):
    names = [f"cluster-{number}" for number in range(places)]
    changes = [_change(number, names[number % places], text) for number in range(5000)]
    problems = [Message(Severity.ERROR, f"{number}: {text}" * 9, names[0]) for number in range(5000)]
    found = {name: Tally(1, 1, 0, text) for name in names}

    told = markdown.render(
        Report(Exit.CHANGES, found, changes, problems, command="up --check", environment="prod")
    )

    assert len(told) < 65_536
    assert len(told.encode()) < 65_536
    # It is full, not merely short.
    assert len(told.encode()) > 60_000
    shown = {
        "change": len(re.findall(r"^- would be created", told, re.MULTILINE)),
        "problem": len(re.findall(r"^- error", told, re.MULTILINE)),
        "cluster": len(re.findall(r"^\| `cluster-", told, re.MULTILINE)),
    }
    cut = {
        what: int(count.replace(",", ""))
        for count, what in re.findall(r"\*([\d,]+) more (\w+?)s? cut off", told)
    }
    whole = {"change": 5000, "problem": 5000, "cluster": places}
    assert {what: shown[what] + cut.get(what, 0) for what in whole} == whole
    assert shown["change"] > 20


def test_a_small_report_is_cut_nowhere():
    told = markdown.render(
        Report(Exit.DONE, {"a": Tally(1)}, [_change(1, "a")], command="up", environment="prod")
    )

    assert "cut off" not in told
    assert "<summary>a: 1 change</summary>" in told


def test_every_exit_code_has_a_meaning():
    assert set(MEANING) == set(Exit)


@pytest.mark.parametrize("of", ["report", "ndjson"])
def test_the_schemas_are_printed_and_refuse_what_is_no_report(of):
    said = CliRunner().invoke(app, ["schema", of])
    validator = jsonschema.Draft202012Validator(json.loads(said.output))
    good = Report(Exit.DONE, {"a": Tally(1)}, [_change(1, "a")]).values()

    assert validator.is_valid(good)
    spoilt: list[dict[str, Any]] = [
        {"exit": "no"},
        {"clusters": {"a": {}}},
        {"more": 1},
        {"type": "rapport"},
        {"changes": [{}]},
    ]
    for change in spoilt:
        assert not validator.is_valid({**good, **change})


def _command(seen):
    made = typer.Typer()

    @made.command(cls=Reporting)
    def run(form: InFormat = Format.HUMAN) -> None:
        seen.append(form)

    return made


@pytest.mark.parametrize(
    ("given_words", "form"),
    [
        ([], Format.HUMAN),
        (["--json"], Format.JSON),
        (["--format", "junit"], Format.JUNIT),
        (["--json", "--format", "markdown"], Format.MARKDOWN),
        (["--format", "markdown", "--json"], Format.MARKDOWN),
    ],
)
def test_json_is_the_short_word_for_a_format(given_words, form):
    seen: list[Format] = []

    assert CliRunner().invoke(_command(seen), given_words).exit_code == 0
    assert seen == [form]


def test_a_format_that_there_is_not_is_refused():
    assert CliRunner().invoke(_command([]), ["--format", "yaml"]).exit_code == Exit.SETTINGS


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnavailableError("kms: found no answer; expected one"), Exit.UNAVAILABLE),
        (OSError(28, "No space left on device", "/var/state"), Exit.UNAVAILABLE),
        (KeyboardInterrupt(), Exit.INTERRUPTED),
    ],
    ids=["ours", "the-system", "interrupted"],
)
def test_an_error_is_told_in_the_report_and_raised(error, code, capsys):
    def run(screen):
        screen.listen(_change(1, "a"))
        raise error

    with pytest.raises(type(error)):
        answer("up", "prod", Format.NDJSON, run)

    *before, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["type"] for each in before] == ["result"]
    assert (last["type"], last["exit"], len(last["changes"])) == ("report", code, 1)
    assert last["problems"][-1]["severity"] == "error"


def test_a_bug_is_no_report(capsys):
    def run(_screen):
        raise OSError(2, "No such file")

    with pytest.raises(OSError, match="No such file"):
        answer("up", "prod", Format.JSON, run)

    assert capsys.readouterr().out == ""


def test_a_line_is_there_before_the_run_goes_on(capsys):
    seen = []

    def run(screen):
        for number in range(3):
            screen.listen(_change(number, "a"))
            screen.say("a line")
            seen.append(len(capsys.readouterr().out.splitlines()))
        return Report(Exit.DONE, {})

    with pytest.raises(typer.Exit):
        answer("up", "prod", Format.NDJSON, run)

    assert seen == [2, 2, 2]


def test_the_report_has_what_a_line_has():
    assert set(reports.ChangeRecord.model_fields) < set(reports.ResultRecord.model_fields)
