"""The `atoll charts` commands: their words, and how they answer."""

import getpass
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from atoll import toolchain
from atoll.automation import words
from atoll.automation.show import Screen
from atoll.automation.words import AsJson
from atoll.charts import checks, packaging, publishing
from atoll.charts.findings import Finding
from atoll.charts.publishing import Destination, Published
from atoll.core.errors import ArgsError, Exit, SettingsError
from atoll.helm import Helm, Login

app = typer.Typer(help="Helm charts: check and publish them.", no_args_is_help=True, rich_markup_mode=None)

Values = Annotated[
    list[Path] | None,
    typer.Option(
        "--values",
        "-f",
        metavar="FILE",
        help=f"Values to render it with, each by itself; the chart's {checks.CASES}, or its defaults, unless given.",
    ),
]


@app.command()
def check(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Folders of charts.")],
    *,
    values: Values = None,
    as_json: AsJson = False,
) -> None:
    """Say all that is wrong with charts, each with its file, line and rule.

    Looked at are Chart.yaml, the schema of the values, locked dependencies, what helm's strict linter says, and what the
    chart makes: images by digest, pods by the restricted Pod Security Standard. Exit code 2: something is wrong.
    """
    _need_helm(quiet=as_json)
    with Helm() as helm:
        found = {str(path): checks.check(helm, path, values or ()) for path in paths}
    problems = [_line(path, each) for path, listed in found.items() for each in listed]
    if as_json:
        told = [
            {"chart": path, "findings": [asdict(each) for each in listed]} for path, listed in found.items()
        ]
        words.finish(told, Exit.SETTINGS if problems else Exit.DONE)
    if problems:
        raise SettingsError(*problems)
    for path in found:
        words.say(f"{path}: ok")


@app.command()
def publish(  # noqa: PLR0913 - the words of a command
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The chart's folder.")],
    repository: Annotated[
        str, typer.Argument(metavar="oci://HOST/REPO", help="It gets its own name below it.")
    ],
    *,
    username: Annotated[
        str,
        typer.Option(
            "--username",
            metavar="NAME",
            help="Who asks; the password is read from the pipe. Docker's logins unless given.",
        ),
    ] = "",
    authority: Annotated[
        Path | None,
        typer.Option("--ca-file", metavar="FILE", help="The registry's certificate authority, PEM."),
    ] = None,
    only_check: Annotated[
        bool, typer.Option("--check", help="Say what would be published, and write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Publish a chart's version, once, and print its name by digest.

    What `charts check` finds is refused (exit code 2), and so is other content under a version that is published (exit code
    3); the same content again changes nothing. Exit code 5 with --check: it is not published yet.
    """
    destination = Destination(
        repository, login=_login(username), authority=_text(authority) if authority else ""
    )
    if problem := destination.problem():
        raise ArgsError(f"publish: {problem}.")
    _need_helm(quiet=as_json)
    with Helm() as helm:
        if found := checks.check(helm, path):
            raise SettingsError(*(_line(str(path), each) for each in found))
        package = packaging.package(helm, path)
        if only_check:
            there = publishing.look(helm, destination, package.name, package.version)
            if there is not None:
                publishing.refuse_other(package, there)
        else:
            there = publishing.publish(helm, package, destination)
    if not as_json:
        words.say(there.reference if there else f"{package.name} {package.version} is not published")
    report = _report(package, there)
    words.finish(report if as_json else None, Exit.DONE if there else Exit.CHANGES)


def _report(package: packaging.Package, there: Published | None) -> dict[str, object]:
    return {
        "name": package.name,
        "version": package.version,
        "content": package.content,
        "digest": there.digest if there else None,
        "reference": there.reference if there else None,
        "changed": there is None or there.made,
    }


def _line(path: str, finding: Finding) -> str:
    return f"{path.rstrip('/')}/{finding}"


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise ArgsError(f"{path}: found no such file; expected certificates, PEM") from error


def _login(username: str) -> Login | None:
    """The login whose password comes by the pipe, where a user is named."""
    if not username:
        return None
    asked = sys.stdin.isatty()
    password = (
        getpass.getpass("Password (it is not shown): ") if asked else sys.stdin.readline().rstrip("\r\n")
    )
    if not password:
        raise ArgsError("publish: found no password in the pipe; expected one with --username. Add: < FILE")
    return Login(username, password)


def _need_helm(*, quiet: bool) -> None:
    toolchain.ensure(["helm"], lambda event: Screen(quiet=quiet, to_stderr=True).say(str(event)))
