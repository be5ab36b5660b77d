"""What the commands share: the words of their arguments, the checkout that they are about, and how they answer."""

import functools
import inspect
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from atoll.automation import completion, journal, tracing
from atoll.automation.selection import Asked
from atoll.automation.turns import duration
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


def _length(value: str | timedelta) -> timedelta:
    """A length of time; typer reads a default too, which is one."""
    return duration(value) if isinstance(value, str) else value


NO_TIME = timedelta()
"""Of nothing: who waits so long does not."""
Wait = Annotated[
    timedelta,
    typer.Option(
        "--wait",
        metavar="DURATION",
        parser=_length,
        show_default=False,
        help="Wait so long for another run to end: 90s, 5m, 1h. Exit code 7 after that.",
    ),
]


def _for_machine(asked: bool) -> bool:  # noqa: FBT001 - typer's
    if asked:
        journal.begin(machine=True)
    return asked


AsJson = Annotated[bool, typer.Option("--json", callback=_for_machine, help="Print JSON.")]


class Commands(TyperGroup):
    """All commands. The trace has the name of the one that is asked for, which may be one of a group."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Finds it."""
        name, command, rest = super().resolve_command(ctx, args)
        inner = rest[:1] if isinstance(command, TyperGroup) and rest and rest[0] in command.commands else []
        tracing.about(what=" ".join([name or "", *inner]))
        return name, command, rest


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


_CHOOSING: dict[str, tuple[tuple[str, ...], str, str, completion.Offer]] = {
    "limit": (
        ("--limit", "-l"),
        "PATTERN",
        "These clusters alone, by Ansible's patterns.",
        completion.clusters_and_groups,
    ),
    "tags": (("--tags", "-t"), "TAGS", "What has one of these tags alone.", completion.tags),
    "skip_tags": (("--skip-tags",), "TAGS", "Nothing that has one of these tags.", completion.tags),
}
"""The options that choose a part of an environment: words, what they take, help, what a shell offers."""


def choosing(*, hidden: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command the options that choose a part of an environment; it gets what they say as `asked`.

    Those of a command that refuses them are `hidden`.
    """
    more = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                list[str] | None,
                typer.Option(*names, metavar=takes, help=told, autocompletion=offer, hidden=hidden),
            ],
        )
        for name, (names, takes, told, offer) in _CHOOSING.items()
    ]

    def give(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command)
        own = [each for name, each in signature.parameters.items() if name != "asked"]

        @functools.wraps(command)
        def run(**given: Any) -> None:
            said = [tuple(given.pop(name) or ()) for name in _CHOOSING]
            command(**given, asked=Asked(*said))

        # Typer reads these two.
        run.__signature__ = signature.replace(parameters=[*own, *more])  # type: ignore[attr-defined] # it is for this
        run.__annotations__ = {each.name: each.annotation for each in (*own, *more)}
        return run

    return give


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
