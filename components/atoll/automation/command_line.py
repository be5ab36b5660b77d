"""The `atoll` command."""

import importlib.metadata
import json
import os
import shlex
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from atoll.automation import machine, processes, running, surroundings
from atoll.automation.show import Screen
from atoll.core import naming, redaction
from atoll.core.errors import AtollError, Exit, SettingsError
from atoll.host import Environment

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
tools = typer.Typer(help="The programs that Atoll runs.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(tools, name="tools")

EnvironmentName = Annotated[str, typer.Argument(metavar="ENV", help="The environment: stacks/ENV.yaml.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _version(asked: bool) -> None:  # noqa: FBT001 - typer's
    if asked:
        _say(f"atoll {importlib.metadata.version(naming.PACKAGE)}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Many Kubernetes clusters declared as one platform."""


@app.command()
def up(
    env: EnvironmentName,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Say what would change, and change nothing.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Name the properties that change.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring an environment up, or make it fit its inventory again."""
    screen = Screen(diff=diff, quiet=as_json)
    report = (running.check if check else running.up)(_environment(env), screen)
    if not check and report.code is Exit.DONE:
        screen.say(f'\nLook inside: eval "$(.venv/bin/atoll env {env})"')
        name = next(reversed(report.recap))
        screen.say(
            f"             KUBECONFIG=$(atoll kubeconfig {env} {name}) kubectl get pods --all-namespaces"
        )
    _finish(report.values() if as_json else None, report.code)


@app.command()
def down(
    env: EnvironmentName,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Leave what lives on elsewhere as it is, and forget it.")
    ] = False,
) -> None:
    """Remove an environment: its processes, ports and files."""
    running.down(_environment(env), Screen(), force=force)


@app.command()
def start(env: EnvironmentName) -> None:
    """Start the local processes of an environment, as they were."""
    processes.start(processes.known(_environment(env)), Screen())


@app.command()
def stop(env: EnvironmentName) -> None:
    """Stop the local processes of an environment; its data stays."""
    processes.stop(_environment(env), Screen())


@app.command()
def status(env: EnvironmentName, *, as_json: AsJson = False) -> None:
    """Say of each local process whether it runs."""
    code, found = processes.status(_environment(env), Screen(quiet=as_json))
    _finish([asdict(each) for each in found] if as_json else None, code)


@app.command()
def logs(
    env: EnvironmentName,
    name: Annotated[str | None, typer.Argument(help="A process; all of them unless given.")] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
) -> None:
    """Print the logs of an environment's local processes."""
    for line in processes.logs(_environment(env), name, follow=follow):
        _say(redaction.redact(line))


@app.command()
def recap(env: EnvironmentName, *, as_json: AsJson = False) -> None:
    """Say what is live, one line for each cluster."""
    report = running.recap_of(_environment(env), Screen(quiet=as_json))
    _finish(report.values() if as_json else None, report.code)


@app.command()
def env(env: EnvironmentName) -> None:
    """Prepare a shell, for pulumi and kubectl by hand."""
    environment = _environment(env)
    variables = running.variables(environment, Screen(to_stderr=True))
    hidden = [name for name in surroundings.ambient(os.environ) if name not in variables]
    if hidden:
        _say("unset", *hidden)
    for name, value in variables.items():
        _say(f"export {name}={shlex.quote(value)}")
    _say(f'export PATH={shlex.quote(":".join(surroundings.programs(environment)))}:"$PATH"')


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
    found = running.kubeconfigs(_environment(env), name, Screen(to_stderr=True))
    if as_json:
        _print([{"name": each.name, "role": each.role, "path": str(each.path)} for each in found])
    elif name:
        _say(found[0].path)
    else:
        width = max(len(each.name) for each in found)
        for each in found:
            _say(f"{each.name:<{width}}  {each.role:<13}  {each.path}")


@tools.command("install")
def tools_install(
    names: Annotated[list[str] | None, typer.Argument(help="Programs; all unless given.")] = None,
) -> None:
    """Find the programs, or build those that are missing."""
    machine.install(names or None, Screen())


@tools.command("list")
def tools_list(*, as_json: AsJson = False) -> None:
    """List the programs with their versions and where each comes from."""
    values = machine.programs(Screen(quiet=as_json))
    _finish(values if as_json else None, Exit.DONE)


@app.command()
def doctor(
    env: Annotated[
        str, typer.Argument(metavar="ENV", help="The environment whose plugins are told.")
    ] = "dev",
    *,
    as_json: AsJson = False,
) -> None:
    """Say which programs and plugins there are, and which work."""
    code, values = machine.examine(_environment(env), Screen(quiet=as_json))
    _finish(values if as_json else None, code)


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


def main() -> None:
    """Run the command; every error of ours ends in its lines and its exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except AtollError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the command line's own output
        sys.exit(error.exit_code)


def _environment(name: str) -> Environment:
    return Environment.of(project(), name)


def _finish(values: Any, code: Exit) -> None:
    if values is not None:
        _print(values)
    raise typer.Exit(code)


def _print(value: Any) -> None:
    _say(json.dumps(value, indent=2))


def _say(*words: object) -> None:
    print(*words)  # noqa: T201 - the command line's own output
