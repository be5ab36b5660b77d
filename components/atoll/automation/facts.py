"""What a plan is made from, as it is now: the checkout, the settings, the state, and the programs that take part."""

import hashlib
import importlib.metadata
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atoll import toolchain
from atoll.automation import plans
from atoll.automation.plans import Facts
from atoll.core import command, naming
from atoll.core.errors import UnavailableError
from atoll.host import Environment
from atoll.platform import loading
from atoll.platform.inventory import Inventory
from atoll.provider import plugins

_PROJECT = ("Pulumi.yaml", "__main__.py")
_GONE = "gone"
_FOLDER = "folder"


def gathered(
    environment: Environment, inventory: Inventory, deployment: Mapping[str, Any], file: Path
) -> Facts:
    """What is now. `deployment` is the state as the engine exports it; the plan's own `file` may lie in the checkout."""
    project = environment.project
    return Facts(
        commit=_git(project, "rev-parse", "HEAD").strip(),
        changed=_changed(project, file.resolve()),
        settings=_settings(environment),
        state=plans.state(deployment),
        versions=_versions(environment, inventory),
    )


def _changed(project: Path, file: Path) -> dict[str, str]:
    """The digests of what differs from the commit, Git's ignored files left out, by path in the repository."""
    top = Path(_git(project, "rev-parse", "--show-toplevel").strip() or project)
    listed = _git(project, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", ".")
    names = (entry[3:] for entry in listed.split("\0") if entry)
    return {name: _digest(top / name) for name in names if (top / name).resolve() != file}


def _settings(environment: Environment) -> dict[str, str]:
    stacks = environment.project / "stacks"
    told = [environment.project / name for name in _PROJECT]
    read = [*told, *loading.files(stacks, environment.name), environment.stack_settings]
    return {str(path.relative_to(environment.project)): _digest(path) for path in read if path.exists()}


def _versions(environment: Environment, inventory: Inventory) -> dict[str, str]:
    used = [*toolchain.table().usual, *filter(plugins.is_built, inventory.programs)]
    return {
        naming.PACKAGE: importlib.metadata.version(naming.PACKAGE),
        "python": platform.python_version(),
        "pulumi's SDK": importlib.metadata.version("pulumi"),
        **{f"program {name}": toolchain.version(name) for name in used},
        **{
            f"plugin {each.name}": f"{each.version} ({each.kind})"
            for each in plugins.installed(environment.engine_home)
        },
    }


def _digest(path: Path) -> str:
    if path.is_symlink():
        return hashlib.sha256(os.fsencode(path.readlink())).hexdigest()
    if path.is_dir():
        # A repository within the repository.
        return _FOLDER
    if not path.exists():
        return _GONE
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _git(project: Path, *words: str) -> str:
    """What Git says of a checkout; nothing where there is no Git, or no repository."""
    try:
        done = command.run(["git", "-C", project, *words], check=False)
    except UnavailableError:
        return ""
    return done.stdout if not done.code else ""
