"""The commands that tell what programs read: the outputs of a stack, and the schemas of what the command prints."""

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from atoll.automation import reports, running, words
from atoll.automation.show import Screen
from atoll.automation.words import AsJson, EnvironmentName
from atoll.core.errors import ArgsError, Exit
from atoll.platform import problems


class Schema(StrEnum):
    """What has a schema: the format json of a report, and a line of the format ndjson."""

    REPORT = "report"
    NDJSON = "ndjson"


def outputs(
    env: EnvironmentName,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="An output; all of them unless given.")
    ] = None,
    *,
    show_secrets: Annotated[
        bool, typer.Option("--show-secrets", help="Print secrets in plain, not [secret].")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print what the stack exports."""
    found = running.outputs(words.environment(env), Screen(to_stderr=True), opened=show_secrets)
    if name is not None and name not in found:
        raise ArgsError(f"outputs: {problems.unknown(name, list(found), 'output')}")
    if as_json:
        words.finish(found if name is None else found[name], Exit.DONE)
    elif name is not None:
        words.say(_text(found[name]))
    else:
        width = max((len(each) for each in found), default=0)
        for each, value in found.items():
            words.say(f"{each:<{width}}  {_text(value)}")


def schema(of: Annotated[Schema, typer.Argument(metavar="OF", help=f"One of: {', '.join(Schema)}.")]) -> None:
    """Print the JSON schema of what --format json or ndjson prints."""
    words.tell(reports.schema(stream=of is Schema.NDJSON))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
