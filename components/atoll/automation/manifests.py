"""What a backup says of itself: its version, what it is of, and each file with its digest. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from atoll.core.errors import IntegrityError, RefusedError

VERSION = 1
NAME = "manifest.json"
"""Its name in the backup, whose first member it is."""
ENVIRONMENT, STACKS = "environment", "stacks"
"""The folders of a backup: the environment's own files, and those of its stack in the checkout."""
MOST_BYTES = 32 << 20
"""Of a manifest: some 200,000 files."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """A file of a backup."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """A backup of an environment; `created` is UTC, `files` are by their names in it, `environment/kms/keys.json`."""

    atoll: str
    project: str
    environment: str
    created: str
    files: Mapping[str, Entry]

    def text(self) -> str:
        """As it stands in the backup."""
        return json.dumps({"version": VERSION, **asdict(self)}, indent=1, sort_keys=True) + "\n"

    @classmethod
    def parse(cls, text: str | bytes) -> "Manifest":
        """From a backup.

        Raises:
            RefusedError: a later Atoll wrote it.
            IntegrityError: it is none, or names what must not be in a backup.
        """
        try:
            found: Any = json.loads(text)
            version = found.pop("version")
            if isinstance(version, int) and version > VERSION:
                raise RefusedError(
                    f"found a backup of version {version} (by Atoll {found.get('atoll', '?')}); expected at most "
                    f"{VERSION}. Restore it with that Atoll"
                )
            listed = {name: Entry(**entry) for name, entry in found.pop("files").items()}
            made = cls(**found, files=listed)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise IntegrityError(
                f"found no manifest that can be read ({' '.join(str(error).split())}); expected one"
            ) from error
        if not all(
            isinstance(each, str) for each in (made.atoll, made.project, made.environment, made.created)
        ):
            raise IntegrityError("found a manifest whose values are no texts; expected texts")
        for name, entry in listed.items():
            _refuse_foreign(name, entry)
        return made

    def sizes(self) -> int:
        """How many bytes its files have together."""
        return sum(entry.size for entry in self.files.values())


def stack_files(environment: str) -> list[str]:
    """The files in the checkout's folder of stacks that are an environment's: its inventory, the stack's settings.

    `test-1` reads that of `test`.
    """
    names = dict.fromkeys(("base", environment, environment.rpartition("-")[0] or environment))
    return [*(f"{name}.yaml" for name in names), f"Pulumi.{environment}.yaml"]


def _refuse_foreign(name: str, entry: Entry) -> None:
    """Refuses what would lie outside of the folder that a backup is unpacked into, or is no file's description."""
    path = PurePosixPath(name)
    plain = str(path) == name and "\0" not in name and ".." not in path.parts and not path.is_absolute()
    deep = len(path.parts) > 1 if path.parts[:1] == (ENVIRONMENT,) else path.parts[:-1] == (STACKS,)
    if not plain or not deep:
        raise IntegrityError(f"found a file named {name!r}; expected names in {ENVIRONMENT} and {STACKS}")
    whole = isinstance(entry.size, int) and not isinstance(entry.size, bool) and entry.size >= 0
    if not whole or not isinstance(entry.sha256, str) or not _DIGEST.fullmatch(entry.sha256):
        raise IntegrityError(f"found {name!r} without its size and digest; expected both")
