"""The folder of one checkout's environment: everything of it outside the repository, for its owner alone."""

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from atoll.core import files
from atoll.core.errors import ArgsError, LockedError, UnavailableError

VARIABLE = "ATOLL_ENVIRONMENT"
"""Names the folder to programs that the engine starts."""
HOME_VARIABLE = "ATOLL_HOME"
_SOCKET_LIMIT = 100
"""A Unix socket's path has at most 107 bytes; supervisord adds a suffix while it binds."""


def home() -> Path:
    """Where all environments of this user live: ATOLL_HOME, else the XDG state folder."""
    if chosen := os.environ.get(HOME_VARIABLE):
        return Path(chosen)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "atoll"


@dataclass(frozen=True)
class Environment:
    """One environment of one checkout. `project` is the checkout, `folder` is what is kept for it."""

    project: Path
    name: str
    folder: Path

    @classmethod
    def of(cls, project: Path, name: str) -> "Environment":
        """The environment of a checkout; two checkouts of the same project never meet."""
        project = project.resolve()
        digest = hashlib.sha256(str(project).encode()).hexdigest()[:8]
        return cls(project, name, home() / f"{project.name}-{digest}" / name)

    @classmethod
    def current(cls) -> "Environment":
        """The environment that this process works for, as its starter named it.

        Raises:
            UnavailableError: nobody did.
        """
        folder = os.environ.get(VARIABLE)
        described = files.read_json(Path(folder) / "environment.json") if folder else None
        if not folder or not described:
            raise UnavailableError(
                f"{VARIABLE}: found {folder!r}; expected the folder of an environment. "
                'Run: eval "$(.venv/bin/atoll env dev)"'
            )
        return cls(Path(described["project"]), described["name"], Path(folder))

    def create(self) -> None:
        """Makes the folder, taking up what is there.

        Raises:
            ArgsError: the folder's path is too long for a socket in it.
        """
        if len(os.fsencode(self.socket)) > _SOCKET_LIMIT:
            raise ArgsError(
                f"{self.folder}: found a path of {len(os.fsencode(self.folder))} bytes; expected a shorter one "
                f"(a socket lives in it). Set {HOME_VARIABLE} to a shorter path."
            )
        for path in (self.folder, self.engine_home, self.state, self.logs, self.programs, self.clusters):
            files.folder(path)
        # It may have been there before, open to others.
        self.folder.chmod(0o700)
        described = {"project": str(self.project), "name": self.name}
        files.write_json(self.folder / "environment.json", described)

    @property
    def exists(self) -> bool:
        """Whether the environment was ever created."""
        return (self.folder / "environment.json").exists()

    @property
    def engine_home(self) -> Path:
        """The engine's own folder: plugins, credentials."""
        return self.folder / "engine"

    @property
    def state(self) -> Path:
        """The engine's state backend."""
        return self.folder / "state"

    @property
    def logs(self) -> Path:
        """One log for each process."""
        return self.folder / "logs"

    @property
    def bin(self) -> Path:
        """The programs that were chosen for it, for PATH."""
        return self.folder / "bin"

    @property
    def programs(self) -> Path:
        """What the supervisor runs, one file each."""
        return self.folder / "programs"

    @property
    def clusters(self) -> Path:
        """Data, keys and kubeconfigs of the local clusters, a folder each."""
        return self.folder / "clusters"

    @property
    def socket(self) -> Path:
        """Where the supervisor listens."""
        return self.folder / "supervisor.sock"

    def passphrase(self) -> Path:
        """The file with the random passphrase that encrypts secrets in the state, made when it is missing."""
        path = self.folder / "passphrase"
        with files.locked(self.folder / "passphrase.lock"):
            if not path.exists():
                files.write(path, secrets.token_urlsafe(32))
        return path

    @contextlib.contextmanager
    def locked(self, purpose: str) -> Iterator[None]:
        """Holds the environment for one command.

        Raises:
            LockedError: another command holds it; the text says which.
        """
        files.folder(self.folder)
        holder = self.folder / "holder.json"
        with files.locked(self.folder / "lock", wait=False) as held:
            if not held:
                other = files.read_json(holder, {})
                raise LockedError(
                    f"environment {self.name}: found `atoll {other.get('purpose', '?')}` at work "
                    f"(pid {other.get('pid', '?')}); expected nobody. Wait for its end, or stop it."
                )
            files.write_json(holder, {"pid": os.getpid(), "purpose": purpose})
            yield

    def remove(self) -> None:
        """Removes the folder with everything in it, and what it leaves empty above."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.folder.parent.rmdir()
            if HOME_VARIABLE not in os.environ:
                home().rmdir()
