"""The `atoll` command."""

import importlib.metadata
import os
import shlex
import sys
from typing import Annotated, NoReturn

import typer

from atoll.automation import (
    beginning,
    charts,
    ci,
    completion,
    ending,
    installing,
    interruption,
    inventories,
    journal,
    locking,
    machine,
    planning,
    processes,
    reading,
    running,
    safekeeping,
    secrets,
    surroundings,
    tracing,
    words,
)
from atoll.automation.answers import Format, InFormat, Reporting, answer
from atoll.automation.logs import logs as logs_of
from atoll.automation.reports import Report
from atoll.automation.running import Wish
from atoll.automation.selection import Asked
from atoll.automation.show import Screen
from atoll.automation.status import status as status_of
from atoll.automation.turns import Turn
from atoll.automation.words import NO_TIME, AsJson, EnvironmentName, Wait
from atoll.core import files, naming, redaction
from atoll.core.errors import ArgsError, AtollError, Exit, of_system
from atoll.host import limits
from atoll.platform import load

app = typer.Typer(
    cls=words.Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
tools = typer.Typer(help="The programs that Atoll runs.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(tools, name="tools")
app.add_typer(charts.app, name="charts")
app.add_typer(ci.app, name="ci")
app.add_typer(inventories.app, name="inventory")
app.add_typer(installing.app, name="plugins")
app.add_typer(secrets.app, name="secrets")
app.add_typer(locking.app, name="lock")


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


@app.command(cls=Reporting)
@words.choosing()
def up(  # noqa: PLR0913 - the command's options
    env: EnvironmentName,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Say what would change, and change nothing.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Name the properties that change.")] = False,
    forget: Annotated[
        str,
        typer.Option(
            "--forget",
            metavar="NAME",
            help="Take out a member that will never return, unasked.",
            autocompletion=completion.clusters,
        ),
    ] = "",
    asked: Asked,
    plan: planning.PlanFile = None,
    confirm: planning.Confirmed = None,
    wait: Wait = NO_TIME,
    form: InFormat = Format.HUMAN,
) -> None:
    """Bring an environment up, or make it fit its inventory again."""

    def run(screen: Screen) -> Report:
        if check and (forget or plan):
            raise ArgsError(f"up: found --check and --{'forget' if forget else 'plan'}; expected one of them")
        environment, turn = words.environment(env), Turn(wait, screen.say)
        if check:
            return running.check(environment, screen, turn, asked)
        report = planning.up(environment, screen, Wish(plan, forget, confirm or (), asked), turn)
        if report.code is Exit.DONE and not asked:
            there = [each for each in report.remaining if each != forget]
            _show_ways_in(env, there[-1], screen)
        return report

    answer("up --check" if check else "up", env, form, run, diff=diff)


def _show_ways_in(env: str, cluster: str, screen: Screen) -> None:
    screen.say(f'\nLook inside: eval "$(.venv/bin/atoll env {env})"')
    screen.say(
        f"             KUBECONFIG=$(atoll kubeconfig {env} {cluster}) kubectl get pods --all-namespaces"
    )


app.command(cls=Reporting)(planning.plan)
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

    tracing.about(environment=env)
    # What its clusters need is not looked at: it is the first that a new environment has.
    inventory = load(words.project() / "stacks", env)
    report = bootstrapping.bootstrap(inventory, Screen(quiet=as_json), check=check)
    words.finish(report.values() if as_json else None, report.code)


@app.command(cls=Reporting)
@words.choosing()
def drift(
    env: EnvironmentName,
    *,
    diff: Annotated[bool, typer.Option("--diff", help="Name the properties that drifted.")] = False,
    asked: Asked,
    wait: Wait = NO_TIME,
    form: InFormat = Format.HUMAN,
) -> None:
    """Say what has drifted, and change nothing.

    That is what is live otherwise than the last run left it. What drifted is put back by `atoll up`. Exit code 6: something did.
    """

    def run(screen: Screen) -> Report:
        return running.drift(words.environment(env), screen, Turn(wait, screen.say), asked)

    answer("drift", env, form, run, diff=diff)


@app.command(cls=Reporting)
@words.choosing()
def refresh(
    env: EnvironmentName, *, asked: Asked, wait: Wait = NO_TIME, form: InFormat = Format.HUMAN
) -> None:
    """Write what is live into the state, and change nothing else."""

    def run(screen: Screen) -> Report:
        return running.refresh(words.environment(env), screen, Turn(wait, screen.say), asked)

    answer("refresh", env, form, run)


@app.command(cls=Reporting)
@words.choosing()
def destroy(
    env: EnvironmentName,
    *,
    check: Annotated[bool, typer.Option("--check", help="Say what would go, and change nothing.")] = False,
    asked: Asked,
    wait: Wait = NO_TIME,
    form: InFormat = Format.HUMAN,
) -> None:
    """Remove all that the stack holds; keys and state stay.

    `atoll down` removes these too. Exit code 5 with --check: something would go.
    """

    def run(screen: Screen) -> Report:
        return running.destroy(words.environment(env), screen, Turn(wait, screen.say), asked, check=check)

    answer("destroy --check" if check else "destroy", env, form, run)


@app.command()
def down(
    env: EnvironmentName,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Leave what lives on elsewhere as it is, and forget it.")
    ] = False,
    wait: Wait = NO_TIME,
) -> None:
    """Remove an environment: its processes, ports and files."""
    screen = Screen()
    ending.down(words.environment(env), screen, force=force, turn=Turn(wait, screen.say))


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
    name: Annotated[
        str | None,
        typer.Argument(help="A process; all of them unless given.", autocompletion=completion.processes),
    ] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
) -> None:
    """Print the logs of an environment's local processes."""
    for line in logs_of(words.environment(env), name, follow=follow):
        words.say(redaction.redact(line))


@app.command(cls=Reporting)
def recap(env: EnvironmentName, *, form: InFormat = Format.HUMAN) -> None:
    """Say what is live, one line for each cluster."""
    answer("recap", env, form, lambda screen: running.recap_of(words.environment(env), screen))


app.command()(reading.outputs)
app.command()(reading.schema)


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
        str | None,
        typer.Argument(
            help="A cluster, or control-plane; all of them unless given.",
            autocompletion=completion.clusters_and_plane,
        ),
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
        str,
        typer.Argument(
            metavar="ENV",
            help="The environment whose plugins are told.",
            autocompletion=completion.environments,
        ),
    ] = "dev",
    *,
    as_json: AsJson = False,
) -> None:
    """Say which programs and plugins there are, and which work."""
    code, values = machine.examine(words.environment(env), Screen(quiet=as_json))
    words.finish(values if as_json else None, code)


def main() -> None:
    """Run the command; every error of ours ends in its lines and its exit code."""
    interruption.listen()
    files.refuse_other_writers()
    limits.raise_open_files()
    try:
        with journal.kept(), tracing.command(journal.complain, journal.mention):
            try:
                app()
            except AtollError as error:
                _fail(error)
            except OSError as error:
                _fail(of_system(error) or error)
    finally:
        interruption.over()


def _fail(error: AtollError | OSError) -> NoReturn:
    """Ends with the error's lines; one of the system that means nothing in particular is a bug, and shows where."""
    if not isinstance(error, AtollError):
        raise error
    tracing.failed(error)
    if log := journal.current():
        log.fail(error)
    else:
        print(error, file=sys.stderr)  # noqa: T201 - the command line's own output
    sys.exit(error.exit_code)
