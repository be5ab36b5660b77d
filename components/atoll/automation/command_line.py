"""The `atoll` command."""

import importlib.metadata
import os
import shlex
import signal
import sys
from typing import Annotated, NoReturn

import typer

from atoll.automation import (
    beginning,
    charts,
    ending,
    inventories,
    machine,
    processes,
    running,
    safekeeping,
    secrets,
    surroundings,
    words,
)
from atoll.automation.logs import logs as logs_of
from atoll.automation.selection import Asked
from atoll.automation.show import Screen
from atoll.automation.status import status as status_of
from atoll.automation.words import AsJson, EnvironmentName
from atoll.core import naming, redaction
from atoll.core.errors import ArgsError, AtollError, Exit, of_system
from atoll.host import limits
from atoll.platform import load

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
tools = typer.Typer(help="The programs that Atoll runs.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(tools, name="tools")
app.add_typer(charts.app, name="charts")
app.add_typer(inventories.app, name="inventory")
app.add_typer(secrets.app, name="secrets")


def _version(asked: bool) -> None:  # noqa: FBT001 - typer's
    if asked:
        words.say(f"atoll {importlib.metadata.version(naming.PACKAGE)}")
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
@words.choosing
def up(  # noqa: PLR0913 - typer's: one for each option
    env: EnvironmentName,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Say what would change, and change nothing.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Name the properties that change.")] = False,
    forget: Annotated[
        str,
        typer.Option("--forget", metavar="NAME", help="Take out a member that will never return, unasked."),
    ] = "",
    asked: Asked,
    as_json: AsJson = False,
) -> None:
    """Bring an environment up, or make it fit its inventory again."""
    if check and forget:
        raise ArgsError("up: found --check and --forget; expected one of them (to forget is a change)")
    if asked and forget:
        raise ArgsError(
            f"up: found {asked} and --forget; expected one of them (a member is forgotten by all)"
        )
    screen = Screen(diff=diff, quiet=as_json)
    environment = words.environment(env)
    report = (
        running.check(environment, screen, asked)
        if check
        else running.up(environment, screen, forget=forget, asked=asked)
    )
    if not check and not asked and report.code is Exit.DONE:
        screen.say(f'\nLook inside: eval "$(.venv/bin/atoll env {env})"')
        name = next(each for each in reversed(report.recap) if each != forget)
        screen.say(
            f"             KUBECONFIG=$(atoll kubeconfig {env} {name}) kubectl get pods --all-namespaces"
        )
    words.finish(report.values() if as_json else None, report.code)


app.command()(beginning.init)


@app.command()
def bootstrap(
    env: EnvironmentName,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Say what would be made or mended, and change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make key and bucket of a shared environment's state.

    Both are found again and mended where they differ. Exit code 5 with --check: something is left to do.
    """
    from atoll.automation import bootstrap as bootstrapping  # noqa: PLC0415 - boto3 loads for half a second, and most commands need none

    # What its clusters need is not looked at: it is the first that a new environment has.
    inventory = load(words.project() / "stacks", env)
    report = bootstrapping.bootstrap(inventory, Screen(quiet=as_json), check=check)
    words.finish(report.values() if as_json else None, report.code)


@app.command()
@words.choosing
def drift(
    env: EnvironmentName,
    *,
    diff: Annotated[bool, typer.Option("--diff", help="Name the properties that drifted.")] = False,
    asked: Asked,
    as_json: AsJson = False,
) -> None:
    """Say what has drifted, and change nothing.

    That is what is live otherwise than the last run left it. What drifted is put back by `atoll up`. Exit code 6: something did.
    """
    report = running.drift(words.environment(env), Screen(diff=diff, quiet=as_json), asked)
    words.finish(report.values() if as_json else None, report.code)


@app.command()
@words.choosing
def refresh(
    env: EnvironmentName,
    *,
    asked: Asked,
    as_json: AsJson = False,
) -> None:
    """Write what is live into the state, and change nothing else."""
    report = running.refresh(words.environment(env), Screen(quiet=as_json), asked)
    words.finish(report.values() if as_json else None, report.code)


@app.command()
def down(
    env: EnvironmentName,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Leave what lives on elsewhere as it is, and forget it.")
    ] = False,
) -> None:
    """Remove an environment: its processes, ports and files."""
    ending.down(words.environment(env), Screen(), force=force)


app.command()(safekeeping.backup)
app.command()(safekeeping.restore)


@app.command()
def start(env: EnvironmentName) -> None:
    """Start the local processes of an environment, as they were."""
    processes.start(processes.known(words.environment(env)), Screen())


@app.command()
def stop(env: EnvironmentName) -> None:
    """Stop the local processes of an environment; its data stays."""
    processes.stop(words.environment(env), Screen())


@app.command()
def status(env: EnvironmentName, *, as_json: AsJson = False) -> None:
    """Say how each local process is, and what ends when."""
    report = status_of(words.environment(env), Screen(quiet=as_json))
    words.finish(report.values() if as_json else None, report.code)


@app.command()
def logs(
    env: EnvironmentName,
    name: Annotated[str | None, typer.Argument(help="A process; all of them unless given.")] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
) -> None:
    """Print the logs of an environment's local processes."""
    for line in logs_of(words.environment(env), name, follow=follow):
        words.say(redaction.redact(line))


@app.command()
def recap(env: EnvironmentName, *, as_json: AsJson = False) -> None:
    """Say what is live, one line for each cluster."""
    report = running.recap_of(words.environment(env), Screen(quiet=as_json))
    words.finish(report.values() if as_json else None, report.code)


@app.command()
def env(env: EnvironmentName) -> None:
    """Prepare a shell, for pulumi and kubectl by hand."""
    environment = words.environment(env)
    variables = running.variables(environment, Screen(to_stderr=True))
    hidden = [name for name in surroundings.ambient(os.environ) if name not in variables]
    if hidden:
        words.say("unset", *hidden)
    for name, value in variables.items():
        if name.startswith("AWS_") and os.environ.get(name) == value:
            # The caller's own login in a cloud need not be shown.
            continue
        words.say(f"export {name}={shlex.quote(value)}")
    words.say(f'export PATH={shlex.quote(":".join(surroundings.programs(environment)))}:"$PATH"')


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
    found = running.kubeconfigs(words.environment(env), name, Screen(to_stderr=True))
    if as_json:
        words.tell([{"name": each.name, "role": each.role, "path": str(each.path)} for each in found])
    elif name:
        words.say(found[0].path)
    else:
        width = max(len(each.name) for each in found)
        for each in found:
            words.say(f"{each.name:<{width}}  {each.role:<13}  {each.path}")


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
    words.finish(values if as_json else None, Exit.DONE)


@app.command()
def doctor(
    env: Annotated[
        str, typer.Argument(metavar="ENV", help="The environment whose plugins are told.")
    ] = "dev",
    *,
    as_json: AsJson = False,
) -> None:
    """Say which programs and plugins there are, and which work."""
    code, values = machine.examine(words.environment(env), Screen(quiet=as_json))
    words.finish(values if as_json else None, code)


def main() -> None:
    """Run the command; every error of ours ends in its lines and its exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A closed terminal interrupts the engine like Control-C, unless nohup said that it should not.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    # Nobody else may write what is ours, whatever the caller's shell allows.
    os.umask(os.umask(0) | 0o022)
    limits.raise_open_files()
    try:
        app()
    except AtollError as error:
        _fail(error)
    except OSError as error:
        _fail(of_system(error) or error)


def _fail(error: AtollError | OSError) -> NoReturn:
    """Ends with the error's lines; one of the system that means nothing in particular is a bug, and shows where."""
    if not isinstance(error, AtollError):
        raise error
    print(error, file=sys.stderr)  # noqa: T201 - the command line's own output
    sys.exit(error.exit_code)
