"""Whose a cluster or a registry of this machine is: more than one stack may have some in an environment.

The stack of the inventory is one; a program of another repository that runs in the environment's shell is another.
Each finds what it made by name and takes it up again, so that it must never take up what the other one made.
"""

from pathlib import Path

from atoll.core import files
from atoll.core.errors import RefusedError

_NAME = "owner"


def claim(folder: Path, what: str, owner: str) -> None:
    """Makes a folder somebody's (`project/stack`); what was made before anybody owned it is whoever's asks first.

    Raises:
        RefusedError: it is somebody else's.
    """
    held = of(folder)
    if held and held != owner:
        raise RefusedError(
            f"{what}: found one of this name that stack {held} made in this environment; expected none. "
            "Choose another name"
        )
    if owner and not held:
        files.folder(folder)
        files.write(folder / _NAME, owner)


def of(folder: Path) -> str:
    """Whose a folder is; empty where nobody claimed it."""
    path = folder / _NAME
    return path.read_text() if path.is_file() else ""
