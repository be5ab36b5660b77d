"""`atoll plugins`: what programs of other repositories need to be run by Pulumi."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from atoll import toolchain
from atoll.automation import words
from atoll.automation.show import Screen
from atoll.core import files
from atoll.core.errors import ArgsError
from atoll.provider import plugins
from atoll.provider.plugins import Kind

app = typer.Typer(
    help="Pulumi's plugins, for programs of other repositories.", no_args_is_help=True, rich_markup_mode=None
)

_ENGINE = ("pulumi", "pulumi-language-python")
_MORE = {
    "docker": "pulumi-resource-docker",
    "docker-build": "pulumi-resource-docker-build",
    "yaml": "pulumi-language-yaml",
}
"""What a program may use beside Atoll's components and Kubernetes, by what Pulumi calls it, and the program that serves it."""
_HOME = "PULUMI_HOME"


@app.command()
def install(
    names: Annotated[
        list[str] | None,
        typer.Argument(help=f"What the program uses beside Kubernetes and Python: {', '.join(_MORE)}."),
    ] = None,
) -> None:
    """Put Atoll's provider and all that it needs where Pulumi looks, and print what a shell needs to use it.

    That is PULUMI_HOME, which is ~/.pulumi unless set. What Pulumi has there stays.
    """
    home = Path(os.environ.get(_HOME) or Path.home() / ".pulumi").absolute()
    for name, value in _installed(home, names or (), Screen(to_stderr=True)).items():
        words.say(f"export {name}={shlex.quote(value)}")
    words.say(f'export PATH={shlex.quote(str(_programs(home)))}:"$PATH"')


def _installed(home: Path, names: Sequence[str], screen: Screen) -> dict[str, str]:
    """Installs what is missing; returns the variables by which the engine finds it.

    Raises:
        ArgsError: one of the names is no plugin.
        UnavailableError: a program cannot be had.
    """
    if unknown := sorted(set(names) - _MORE.keys()):
        raise ArgsError(f"plugins: found {', '.join(unknown)}; expected some of: {', '.join(_MORE)}")
    more = [_MORE[name] for name in names]
    built = [*_ENGINE, *(program for program in more if plugins.is_built(program))]
    tools = toolchain.ensure(built, lambda event: screen.say(str(event)))
    files.folder(home)
    toolchain.place(_programs(home), built)
    found = plugins.install(home, tools["pulumi"], dict(os.environ), more)
    for plugin in found:
        screen.say(f"plugin {plugin.name} {plugin.version}: {plugin.kind}")
    downloads = any(plugin.kind is Kind.OFFICIAL for plugin in found)
    return {
        _HOME: str(home),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # Where the official plugins cannot be had, the engine is not to look for others either.
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": str(not downloads).lower(),
    }


def _programs(home: Path) -> Path:
    """Not Pulumi's own folder `bin`: what somebody installed there stays as it is."""
    return home / "atoll" / "bin"
