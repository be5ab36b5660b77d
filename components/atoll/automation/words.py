"""What the commands share: the words of their arguments, the checkout that they are about, and how they answer."""

import functools
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from atoll.automation.selection import Asked
from atoll.core.errors import Exit, SettingsError
from atoll.host import Environment

EnvironmentName = Annotated[str, typer.Argument(metavar="ENV", help="The environment: stacks/ENV.yaml.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_CHOOSING = {
    "limit": Annotated[
        list[str] | None,
        typer.Option("--limit", "-l", metavar="PATTERN", help="These clusters alone, by Ansible's patterns."),
    ],
    "tags": Annotated[
        list[str] | None,
        typer.Option("--tags", "-t", metavar="TAGS", help="What has one of these tags alone."),
    ],
    "skip_tags": Annotated[
        list[str] | None,
        typer.Option("--skip-tags", metavar="TAGS", help="Nothing that has one of these tags."),
    ],
}
"""The options that choose a part of an environment."""


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
    return Environment.of(project(), name)


def choosing(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options that choose a part of an environment; it gets what they say as `asked`."""
    signature = inspect.signature(command)
    own = [each for name, each in signature.parameters.items() if name != "asked"]
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in _CHOOSING.items()
    ]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        said = [tuple(given.pop(name) or ()) for name in _CHOOSING]
        command(**given, asked=Asked(*said))

    # Typer reads these two.
    run.__signature__ = signature.replace(parameters=[*own, *more])  # type: ignore[attr-defined] # it is for this
    run.__annotations__ = {each.name: each.annotation for each in (*own, *more)}
    return run


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
