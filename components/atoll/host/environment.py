"""The folder of one checkout's environment: everything of it outside the repository, for its owner alone."""

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from atoll.core import files
from atoll.core.errors import ArgsError, AtollError, LockedError, UnavailableError
from atoll.host import holders
from atoll.host.holders import Holder

VARIABLE = "ATOLL_ENVIRONMENT"
"""Names the folder to programs that the engine starts."""
HOME_VARIABLE = "ATOLL_HOME"
_DESCRIPTION = "environment.json"
_LOOKS, _LOOK = 3, 0.02
"""How often a lock that is taken is tried again, and the seconds between."""
_SOCKET_LIMIT = 100
"""A Unix socket's path has at most 107 bytes; supervisord adds a suffix while it binds."""


def home() -> Path:
    """Where all environments of this user live: ATOLL_HOME, else the XDG state folder."""
    if chosen := os.environ.get(HOME_VARIABLE):
        return Path(chosen).absolute()
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
        described = files.read_json(Path(folder) / _DESCRIPTION) if folder else None
        if not folder or not described:
            raise UnavailableError(
                f"{VARIABLE}: found {folder!r}; expected the folder of an environment. "
                'Run: eval "$(.venv/bin/atoll env dev)"'
            )
        return cls(Path(described["project"]), described["name"], Path(folder))

    @classmethod
    def given(cls) -> "Environment | None":
        """The environment that this process works for, or None: the engine may be somebody else's, in another repository."""
        return cls.current() if os.environ.get(VARIABLE) else None

    def create(self) -> None:
        """Makes the folder, taking up what is there.

        Raises:
            ArgsError: the folder's path is too long for a socket in it.
        """
        self.refuse_long()
        self.furnish()
        # It may have been there before, open to others.
        self.folder.chmod(0o700)
        self.describe(self.folder)

    def furnish(self) -> None:
        """Makes the folders in it."""
        for path in (self.folder, self.engine_home, self.state, self.logs, self.programs, self.clusters):
            files.folder(path)

    def describe(self, folder: Path) -> None:
        """Writes down whose folder it is, in the one that is to become it."""
        files.write_json(folder / _DESCRIPTION, {"project": str(self.project), "name": self.name})

    def refuse_long(self) -> None:
        """Raises: ArgsError: the folder's path is too long for a socket in it."""
        if len(os.fsencode(self.socket)) > _SOCKET_LIMIT:
            raise ArgsError(
                f"{self.folder}: found a path of {len(os.fsencode(self.folder))} bytes; expected a shorter one "
                f"(a socket lives in it). Set {HOME_VARIABLE} to a shorter path."
            )

    @property
    def exists(self) -> bool:
        """Whether the environment was ever created."""
        return (self.folder / _DESCRIPTION).exists()

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

    def kubeconfig(self, name: str) -> Path:
        """Where the kubeconfig of a cluster is that is not one of this machine's processes; it may not be there yet."""
        return files.folder(self.folder / "kubeconfigs") / f"{name}.kubeconfig"

    @property
    def cluster_names(self) -> list[str]:
        """The local clusters that were begun here, sorted."""
        return sorted(path.name for path in self.clusters.glob("*"))

    @property
    def socket(self) -> Path:
        """Where the supervisor listens."""
        return self.folder / "supervisor.sock"

    @property
    def stack_settings(self) -> Path:
        """What the engine writes in the checkout of the environment's stack: how its secrets are encrypted."""
        return self.project / "stacks" / f"Pulumi.{self.name}.yaml"

    @property
    def passphrase(self) -> Path:
        """What encrypted the secrets in the state of an environment that was made before it had a KMS."""
        return self.folder / "passphrase"

    @contextlib.contextmanager
    def locked(self, purpose: str) -> Iterator[None]:
        """Holds the environment for one command.

        Raises:
            LockedError: another command holds it; the text says which.
        """
        files.folder(self.folder)
        with self._taken() as held:
            if not held:
                raise LockedError(
                    f"environment {self.name}: found {holders.read(self._holder)}; expected nobody. "
                    "Wait for its end (--wait 5m, where the command knows it), or stop it."
                )
            # On a full disk nobody learns who holds it; what frees the disk again (`down`) must go on all the same.
            with contextlib.suppress(OSError):
                files.write_json(self._holder, asdict(Holder.this(purpose)))
            yield

    def holder(self) -> Holder | None:
        """Who holds the environment now, or None. The kernel knows whether anybody does, the holder's file who."""
        return holders.read(self._holder) if files.is_locked(self._lock) else None

    @contextlib.contextmanager
    def _taken(self) -> Iterator[bool]:
        """Takes the lock unless another command has it; one that only looks has it for a moment too."""
        for _ in range(_LOOKS):
            with files.locked(self._lock, wait=False) as held:
                if held:
                    yield True
                    return
            time.sleep(_LOOK)
        yield False

    @property
    def _lock(self) -> Path:
        return self.folder / "lock"

    @property
    def _holder(self) -> Path:
        return self.folder / "holder.json"

    def beside(self, purpose: str) -> Path:
        """Makes a folder that can take this one's place, or that it can be put aside to."""
        place = files.folder(self.folder.parent)
        return Path(tempfile.mkdtemp(dir=place, prefix=f".{self.name}.{purpose}."))

    def begun(self) -> list[Path]:
        """The folders beside it that somebody made and was killed."""
        return sorted(self.folder.parent.glob(f".{self.name}.*"))

    def remove(self) -> None:
        """Removes the folder with everything in it, and what it leaves empty above.

        Raises:
            AtollError: something in it cannot be removed.
        """
        for path in (self.folder, *_closed(self.folder)):
            # A folder that was closed, to its owner too, keeps what is in it.
            with contextlib.suppress(OSError):
                path.chmod(0o700)
        try:
            if self.folder.is_dir() and not self.folder.is_symlink():
                shutil.rmtree(self.folder)
            else:
                self.folder.unlink(missing_ok=True)
            for left in self.begun():
                shutil.rmtree(left)
        except OSError as error:
            raise AtollError(
                f"{error.filename or self.folder}: found no way to remove it ({error.strerror}); expected to. "
                f"Make it removable, then: atoll down {self.name}"
            ) from error
        with contextlib.suppress(OSError):
            self.folder.parent.rmdir()
            if HOME_VARIABLE not in os.environ:
                home().rmdir()


def _closed(folder: Path) -> Iterator[Path]:
    """The folders under one, each before what is in it."""
    for parent, folders, _files in os.walk(folder):
        yield from (Path(parent, name) for name in folders if not Path(parent, name).is_symlink())
