"""What a shell offers for the words of a command: environments, clusters, groups, tags, processes.

Names are read from the inventory's files as they are: one that is being written is complete in no other sense. Whatever
cannot be read offers nothing; an error would land in the middle of somebody's prompt.
"""

import contextlib
import re
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any

import typer

from atoll.core.errors import AtollError
from atoll.host import Environment
from atoll.platform import CONTROL_PLANE, loading, reading, tagging
from atoll.platform.inventory import EVERYWHERE
from atoll.platform.tree import Node

Offer = Callable[[typer.Context, str], list[str]]
_Names = Callable[[typer.Context], Iterable[str]]
_ONE, _LAST = re.compile(""), re.compile("(?:.*[,:])?[&!]?")
"""What stands before the name that is being written: nothing, or other names of a list and what is to be done with it."""


def _offering(before: re.Pattern[str]) -> Callable[[_Names], Offer]:
    """Offers those names that begin as what is written already."""

    def make(names: _Names) -> Offer:
        @wraps(names)
        def offer(ctx: typer.Context, incomplete: str) -> list[str]:
            found = before.match(incomplete)
            head = found.group() if found else ""
            with contextlib.suppress(AtollError, OSError):
                return sorted({head + name for name in names(ctx) if (head + name).startswith(incomplete)})
            return []

        # typer goes by the parameters, and would find those of the function inside.
        del offer.__wrapped__
        return offer

    return make


_offered, _offered_last = _offering(_ONE), _offering(_LAST)


@_offered
def environments(ctx: typer.Context) -> Iterable[str]:
    """Those with a file, and copies (test-1) that are there."""
    del ctx
    project = _project()
    declared = loading.environments(project / "stacks")
    made = Environment.of(project, declared[0]).folder.parent if declared else project
    copies = [path.name for path in made.glob("*-*") if path.name.rpartition("-")[0] in declared]
    return [*declared, *copies]


@_offered
def clusters(ctx: typer.Context) -> Iterable[str]:
    """The clusters of the environment that stands before."""
    return _declared(ctx, "clusters")


@_offered
def clusters_and_plane(ctx: typer.Context) -> Iterable[str]:
    """The clusters and the control plane."""
    return [CONTROL_PLANE, *_declared(ctx, "clusters")]


@_offered_last
def clusters_and_groups(ctx: typer.Context) -> Iterable[str]:
    """What a limit can name, after other names of it too."""
    return [CONTROL_PLANE, EVERYWHERE, *_declared(ctx, "clusters"), *_declared(ctx, "groups")]


@_offered_last
def tags(ctx: typer.Context) -> Iterable[str]:
    """The tags of the inventory, and those that there always are."""
    return [*tagging.KNOWN, *_declared(ctx, tagging.SECTION)]


@_offered
def processes(ctx: typer.Context) -> Iterable[str]:
    """The local processes that the environment has, running or not."""
    environment = Environment.of(_project(), _environment(ctx))
    return [path.stem for path in environment.programs.glob("*.conf")]


def _project() -> Path:
    from atoll.automation import words  # noqa: PLC0415 - whose arguments are completed by what stands here

    return words.project()


def _environment(ctx: typer.Context) -> str:
    """The first argument; where an option waits for its value, nothing was made of it yet."""
    return str(ctx.params.get("env") or next(iter(ctx.args), ""))


def _declared(ctx: typer.Context, key: str) -> Iterable[str]:
    folder = _project() / "stacks"
    for layer, path in enumerate(loading.files(folder, _environment(ctx))):
        if path.exists():
            root, _ = reading.read(path.read_text(), path.name, layer)
            yield from _keys(root, key)


def _keys(root: Node | None, key: str) -> Iterable[str]:
    found: Any = root.value if root else None
    under = found.get(key) if isinstance(found, dict) else None
    return list(under.value) if under and isinstance(under.value, dict) else []
