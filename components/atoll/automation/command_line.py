"""The `atoll` command."""

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from atoll.automation import running, surroundings
from atoll.automation.show import Screen
from atoll.core.errors import AtollError, Exit, SettingsError
from atoll.host import Environment

app = typer.Typer(
    help="Many Kubernetes clusters declared as one platform.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
tools = typer.Typer(help="The programs that Atoll runs.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(tools, name="tools")

EnvironmentName = Annotated[str, typer.Argument(metavar="ENV", help="The environment: stacks/ENV.yaml.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def up(
    env: EnvironmentName,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Say what would change, and change nothing.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show which properties change.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring an environment up, or make it fit its inventory again."""
    screen = Screen(diff=diff, quiet=as_json)
    run = running.check if check else running.up
    report = run(_environment(env), screen)
    _finish(report.values() if as_json else None, report.code)


@app.command()
def down(env: EnvironmentName) -> None:
    """Remove an environment: its processes, ports and files."""
    running.down(_environment(env), Screen())


@app.command()
def recap(env: EnvironmentName, *, as_json: AsJson = False) -> None:
    """Say what is live, one line for each cluster."""
    report = running.recap_of(_environment(env), Screen(quiet=as_json))
    _finish(report.values() if as_json else None, report.code)


@app.command()
def env(env: EnvironmentName) -> None:
    """Print what a shell needs to run pulumi and kubectl by hand: eval "$(atoll env ENV)"."""
    environment = _environment(env)
    variables = running.variables(environment, Screen(to_stderr=True))
    print("unset", *surroundings.ambient(os.environ)) if surroundings.ambient(os.environ) else None  # noqa: T201
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")  # noqa: T201
    print(f'export PATH={shlex.quote(":".join(surroundings.programs(environment)))}:"$PATH"')  # noqa: T201


@app.command()
def kubeconfig(
    env: EnvironmentName,
    name: Annotated[
        str | None, typer.Argument(help="A cluster, or control-plane; all of them unless given.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Print the path of a kubeconfig that its owner alone can read."""
    found = running.kubeconfigs(_environment(env), name)
    if as_json:
        _print([{"name": each.name, "role": each.role, "path": str(each.path)} for each in found])
    elif name:
        print(found[0].path)  # noqa: T201
    else:
        width = max(len(each.name) for each in found)
        for each in found:
            print(f"{each.name:<{width}}  {each.role:<13}  {each.path}")  # noqa: T201


@tools.command("install")
def tools_install(
    names: Annotated[list[str] | None, typer.Argument(help="Programs; all unless given.")] = None,
) -> None:
    """Find or build the programs."""
    running.install_tools(names or None, Screen())


@tools.command("list")
def tools_list(*, as_json: AsJson = False) -> None:
    """List the programs with their versions and where each comes from."""
    running.list_tools(as_json=as_json)


@app.command()
def doctor(
    *,
    as_json: AsJson = False,
    env: Annotated[str, typer.Option(help="The environment whose plugins are told.")] = "dev",
) -> None:
    """Run every program once and say which work; say which Pulumi plugins are official."""
    raise typer.Exit(running.doctor(_environment(env), as_json=as_json))


def project() -> Path:
    """The checkout: the nearest folder upwards with a Pulumi.yaml and an inventory.

    Raises:
        SettingsError: there is none.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "Pulumi.yaml").exists() and (folder / "stacks").is_dir():
            return folder
    raise SettingsError(
        f"{here}: found no Pulumi.yaml here or above; expected a checkout of Atoll. Change into it."
    )


def main() -> None:
    """Run the command; every error of ours ends in its lines and its exit code."""
    try:
        app(standalone_mode=True)
    except AtollError as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        sys.exit(Exit.INTERRUPTED)


def _environment(name: str) -> Environment:
    return Environment.of(project(), name)


def _finish(values: Any, code: Exit) -> None:
    if values is not None:
        _print(values)
    raise typer.Exit(code)


def _print(value: Any) -> None:
    print(json.dumps(value, indent=2))  # noqa: T201
