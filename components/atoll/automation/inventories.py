"""The `atoll inventory` commands: what is declared, where each value comes from, and what two environments differ in."""

import json
from enum import StrEnum
from typing import Annotated, Any, assert_never

import typer

from atoll.automation import completion, words
from atoll.automation.words import AsJson, EnvironmentName
from atoll.core.errors import Exit, SettingsError
from atoll.kubernetes import identities
from atoll.platform import manifests, problems, tree
from atoll.platform.effective import Setting, of_cluster, settings
from atoll.platform.inventory import Inventory
from atoll.platform.loading import load_with_tree

app = typer.Typer(
    help="What an environment's inventory comes to.", no_args_is_help=True, rich_markup_mode=None
)
_WIDEST = 72
_DEFAULT = "default"


@app.command()
def show(
    env: EnvironmentName,
    *,
    cluster: Annotated[
        str,
        typer.Option(
            "--cluster",
            metavar="NAME",
            help="Only this cluster, and what goes to it.",
            autocompletion=completion.clusters,
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Print each value that is in effect, and the line that it comes from.

    Variables in what goes to a cluster are filled in with --cluster.
    """
    root, inventory = _loaded(env)
    if cluster and cluster not in inventory.clusters:
        raise SettingsError(f"cluster: {problems.unknown(cluster, list(inventory.clusters), 'cluster')}")
    found = of_cluster(root, inventory, cluster) if cluster else settings(root, inventory)
    if as_json:
        words.finish([_values(each) for each in found], Exit.DONE)
    rows = [("value", "is", "from"), *((each.name, _shown(each), _origin(each)) for each in found)]
    # A table of rich's takes seconds for a fleet of a thousand.
    wide, wider = (max(len(row[column]) for row in rows) for column in (0, 1))
    for name, value, origin in rows:
        words.say(f"{name:<{wide}}  {value:<{wider}}  {origin}")


class Picture(StrEnum):
    """How a graph is drawn."""

    MERMAID = "mermaid"
    SVG = "svg"


@app.command()
def graph(
    env: EnvironmentName,
    *,
    picture: Annotated[
        Picture, typer.Option("--format", metavar="FORMAT", help=f"How to draw it: {', '.join(Picture)}.")
    ] = Picture.MERMAID,
) -> None:
    """Print groups, clusters and what goes where, as a Mermaid flowchart or an SVG image."""
    from atoll.platform import graph, mermaid, svg  # noqa: PLC0415 - of no use to other commands

    root, inventory = _loaded(env)
    drawn = graph.graph(root, inventory)
    match picture:
        case Picture.MERMAID:
            words.say(mermaid.mermaid(drawn), end="")
        case Picture.SVG:
            words.say(svg.svg(drawn, inventory.environment), end="")
        case _:
            assert_never(picture)


@app.command()
def diff(
    env: EnvironmentName,
    other: Annotated[
        str,
        typer.Argument(
            metavar="OTHER",
            help="The environment that it is compared with.",
            autocompletion=completion.environments,
        ),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Print the values that are in effect in two environments and differ.

    A value that only the first has begins with -, one that only the other has with +.
    """
    here, there = (_by_name(settings(*_loaded(name))) for name in (env, other))
    names = [
        name for name in (*here, *(each for each in there if each not in here)) if _differ(here, there, name)
    ]
    if as_json:
        sides = ((env, here), (other, there))
        told = [{"path": name, **{side: _side(found, name) for side, found in sides}} for name in names]
        words.finish(told, Exit.DONE)
    for name in names:
        for sign, found in (("-", here), ("+", there)):
            if name in found:
                words.say(f"{sign} {name}: {_shown(found[name])}  ({_origin(found[name])})")


@app.command()
def schema() -> None:
    """Print the JSON schema of an inventory, for editors."""
    from atoll.platform.schema import schema as made  # noqa: PLC0415 - of no use to other commands

    words.tell(made())


def _loaded(name: str) -> tuple[tree.Node, Inventory]:
    return load_with_tree(words.project() / "stacks", name)


def _by_name(found: list[Setting]) -> dict[str, Setting]:
    return {each.name: each for each in found}


def _differ(here: dict[str, Setting], there: dict[str, Setting], name: str) -> bool:
    return name not in here or name not in there or here[name].value != there[name].value


def _side(found: dict[str, Setting], name: str) -> Any:
    return _values(found[name]) if name in found else None


def _values(setting: Setting) -> dict[str, Any]:
    """A setting for programs."""
    mark = setting.mark
    return {
        "path": setting.name,
        "value": setting.value,
        "file": mark.file if mark else None,
        "line": mark.line if mark else None,
        "giver": setting.giver or None,
    }


def _shown(setting: Setting) -> str:
    """A value in one short line."""
    value = setting.value
    if isinstance(value, dict) and not any(manifests.nameless(value)):
        return identities.label(value)
    text = value if isinstance(value, str) else json.dumps(value)
    line = " ".join(text.split()) or '""'
    return line if len(line) <= _WIDEST else f"{line[: _WIDEST - 3]}..."


def _origin(setting: Setting) -> str:
    giver = f" ({setting.giver})" if setting.giver else ""
    return f"{setting.mark}{giver}" if setting.mark else _DEFAULT
