"""The `atoll ci` commands: workflows for a checkout, and what those workflows tell on pull requests."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from atoll.automation import words, workflows
from atoll.automation.words import AsJson
from atoll.core.errors import ArgsError, Exit, SettingsError

app = typer.Typer(help="Serve environments by CI.", no_args_is_help=True, rich_markup_mode=None)


class Service(StrEnum):
    """Who runs the workflows."""

    GITHUB = "github"


@app.command()
def render(
    service: Annotated[Service, typer.Argument(help="Who runs them.")],  # noqa: ARG001 - there is one yet, and it is named
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Say what would be written, and write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the workflows into .github/workflows, from .github/atoll.yaml.

    What it has once written and no setting asks for any more is removed. Exit code 5 with --check: a file differs.
    """
    project = words.project()
    differing = _differing(project, workflows.render(_settings(project)))
    for path, content in differing.items():
        if not check and content is None:
            path.unlink()
        elif not check and content is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        if not as_json:
            words.say(f"{path.relative_to(project)}: {_verb(path, content, check=check)}")
    named = [str(path.relative_to(project)) for path in differing]
    words.finish({"changed": named} if as_json else None, Exit.CHANGES if check and named else Exit.DONE)


@app.command()
def comment(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Markdown.")],
    *,
    name: Annotated[str, typer.Option("--name", metavar="ENV", help="The environment that it is about.")],
) -> None:
    """Write a report on the pull request of the workflow that runs, as one comment that is edited from then on.

    Needs GITHUB_TOKEN, and what GitHub tells every step of a workflow.
    """
    from atoll.automation import pull_requests  # noqa: PLC0415 - of no use to other commands

    text = file.read_text() if file.exists() else ""
    words.say(pull_requests.tell(os.environ, name, text))


def _settings(project: Path) -> workflows.Settings:
    path = project / workflows.SETTINGS
    if not path.is_file():
        raise SettingsError(
            f"{path}: found no such file; expected what is to be served (README, Run it by CI, shows one)."
        )
    return workflows.settings(path.read_text(), str(path))


def _differing(project: Path, rendered: dict[str, str]) -> dict[Path, str | None]:
    """What each file that differs is to hold, None where it is to go.

    Raises:
        ArgsError: somebody else's workflow has the name of one of ours.
    """
    found: dict[Path, str | None] = {}
    for name in workflows.NAMES:
        path, wanted = project / workflows.FOLDER / f"{name}.yaml", rendered.get(f"{name}.yaml")
        there = path.read_text() if path.is_file() else None
        ours = there is None or workflows.COMMAND in there.partition("\n")[0]
        if not ours and wanted is not None:
            raise ArgsError(f"{path}: found a workflow that is not Atoll's; expected none. Rename it.")
        if ours and there != wanted:
            found[path] = wanted
    return found


def _verb(path: Path, content: str | None, *, check: bool) -> str:
    verb = "remove" if content is None else "rewrite" if path.exists() and check else "write"
    return f"would {verb}" if check else {"remove": "removed"}.get(verb, "written")
