"""What the commands share: the words of their arguments, the checkout that they are about, and how they answer."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from atoll.automation import completion, tracing
from atoll.core.errors import Exit, SettingsError
from atoll.host import Environment

EnvironmentName = Annotated[
    str,
    typer.Argument(
        metavar="ENV",
        help="The environment: stacks/ENV.yaml.",
        autocompletion=completion.environments,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def project() -> Path:
    """The checkout: the nearest folder upwards with a Pulumi.yaml and an inventory.

    Raises:
        SettingsError: there is none.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "Pulumi.yaml").exists() and (folder / "stacks").is_dir():
            return folder
    raise SettingsError(f"{here}: found no Pulumi.yaml here or above; expected a checkout. Change into one.")


def environment(name: str) -> Environment:
    """One of this checkout."""
    tracing.about(environment=name)
    return Environment.of(project(), name)


def finish(values: Any, code: Exit) -> None:
    """Ends a command, with a report for programs where there is one."""
    if values is not None:
        tell(values)
    raise typer.Exit(code)


def tell(value: Any) -> None:
    """Prints a value for programs."""
    say(json.dumps(value, indent=2))


def say(*words: object, end: str = "\n") -> None:
    """Prints a line."""
    print(*words, end=end)  # noqa: T201 - the command line's own output
