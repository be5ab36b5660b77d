"""How a command answers: it runs before the screen of its format, and its report is printed, however it ended."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, NoReturn, assert_never

import typer
from typer.core import TyperCommand

from atoll.automation import journal, junit, markdown, reports, tracing, words
from atoll.automation.reports import Report
from atoll.automation.show import Entry, Screen
from atoll.core.errors import AtollError, of_system


class Format(StrEnum):
    """How a report is told."""

    HUMAN = "human"
    JSON = "json"
    NDJSON = "ndjson"
    MARKDOWN = "markdown"
    JUNIT = "junit"


InFormat = Annotated[
    Format, typer.Option("--format", metavar="FORMAT", help=f"How to answer: {', '.join(Format)}.")
]


def _shorten(context: typer.Context, asked: bool) -> None:  # noqa: FBT001 - typer's
    if asked:
        context.default_map = {**(context.default_map or {}), "form": Format.JSON}


def _short(
    *,
    as_json: Annotated[
        bool,
        # Read before --format, whose default it changes.
        typer.Option("--json", is_eager=True, callback=_shorten, help="The same as --format json."),
    ] = False,
) -> None:
    """Has the option that is the short one of --format, for typer to make."""
    del as_json


class Reporting(TyperCommand):
    """A command with an argument `form` (`InFormat`); it has `--json` beside `--format`."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        maker = typer.Typer(add_completion=False)
        maker.command()(_short)
        short = typer.main.get_command(maker).params[0]
        short.expose_value = False
        self.params.append(short)


def answer(
    command: str,
    environment: str,
    form: Format,
    run: Callable[[Screen], Report],
    *,
    diff: bool = False,
) -> NoReturn:
    """Runs a command and ends with its exit code, its report printed in a format.

    An error is told in the report too, and then raised.
    """
    tracing.about(what=command, environment=environment)
    journal.begin(machine=form in {Format.JSON, Format.NDJSON})
    screen = Screen(diff=diff, quiet=form is not Format.HUMAN, stream=_stream(form))
    try:
        report = run(screen)
    except (AtollError, OSError, KeyboardInterrupt) as error:
        known = of_system(error) if isinstance(error, OSError) else error
        if isinstance(known, AtollError | KeyboardInterrupt):
            why = known if isinstance(known, AtollError) else None
            ended = reports.ended(why, screen.results, screen.problems)
            _print(form, _named(ended, command, environment))
        raise
    _print(form, _named(replace(report, results=screen.results), command, environment))
    raise typer.Exit(report.code)


def _named(report: Report, command: str, environment: str) -> Report:
    ids = tracing.ids()
    return replace(report, command=command, environment=environment, trace=ids.trace if ids else "")


def _stream(form: Format) -> Callable[[Entry], None] | None:
    """What takes each entry as it comes."""
    if form is not Format.NDJSON:
        return None
    return lambda entry: _line(reports.line(entry, datetime.now(UTC)).model_dump_json())


def _print(form: Format, report: Report) -> None:
    match form:
        case Format.HUMAN:
            # It was shown while it went on.
            return
        case Format.JSON:
            words.tell(report.values())
        case Format.NDJSON:
            _line(json.dumps(report.values()))
        case Format.MARKDOWN:
            words.say(markdown.render(report), end="")
        case Format.JUNIT:
            words.say(junit.render(report), end="")
        case _:
            assert_never(form)


def _line(text: str) -> None:
    """Prints a line at once: somebody reads along."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
