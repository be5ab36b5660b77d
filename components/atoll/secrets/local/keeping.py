"""The file that the keys of a local KMS live in: whole or not at all, for its owner alone, damage seen."""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from atoll.core import files
from atoll.core.errors import IntegrityError

VERSION = 1


@dataclass(frozen=True)
class StoredKey:
    """One key. `material` is base64, `created` and `deletion` are seconds since 1970, `period` is in days.

    `tags` and the elements of `grants` and `rotations` are in the words of the KMS API.
    """

    id: str
    material: str
    created: float
    state: str
    policy: str
    description: str = ""
    deletion: float | None = None
    rotates: bool = False
    period: int = 365
    rotations: list[dict[str, Any]] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    tags: list[dict[str, str]] = field(default_factory=list)
    grants: list[dict[str, Any]] = field(default_factory=list)


def text(keys: Iterable[StoredKey]) -> str:
    """The file's content: a version, the keys, and their digest, which tells damage from keys."""
    listed = [asdict(key) for key in keys]
    content = {"version": VERSION, "sha256": _digest(listed), "keys": listed}
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def parse(content: str) -> list[StoredKey]:
    """The keys of a file's content.

    Raises:
        ValueError: it is not what was written, or was written by a later Atoll.
    """
    found = json.loads(content)
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise ValueError(f"no keys of version {VERSION}")
    if found.get("sha256") != _digest(found.get("keys")):
        raise ValueError("keys that do not fit their digest")
    return [StoredKey(**key) for key in found["keys"]]


def write(path: Path, keys: Iterable[StoredKey]) -> None:
    """Writes the file; once this returns, neither a kill nor a loss of power takes it back."""
    if files.write(path, text(keys)):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read(path: Path) -> list[StoredKey]:
    """The keys of a file, none where there is none.

    Raises:
        IntegrityError: the file is damaged. It is left as it is.
    """
    try:
        return parse(path.read_text())
    except FileNotFoundError:
        return []
    except (ValueError, TypeError) as error:
        raise IntegrityError(
            f"{path}: found {' '.join(str(error).split())}; expected the keys of this environment, as they were "
            "written (every secret of it needs them). Put a copy of the file there"
        ) from error


def clear(path: Path) -> None:
    """Clears away what a killed writer left beside the file. Nobody may be writing."""
    for left in path.parent.glob(f".{path.name}.*"):
        left.unlink(missing_ok=True)


def _digest(keys: Any) -> str:
    return hashlib.sha256(json.dumps(keys, sort_keys=True).encode()).hexdigest()
