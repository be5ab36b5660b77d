"""The Pulumi engine as Atoll runs it: in a process group of its own, its events read as they come."""

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from atoll.automation.events import Message, Reader, Result, Severity
from atoll.automation.locks import Lock
from atoll.core import command
from atoll.core.errors import LockedError
from atoll.host import Environment

_LIMIT = timedelta(minutes=5)
_TAIL_PAUSE = 0.05
_PARALLEL = "32"
PROJECT = "atoll"
"""The name in Pulumi.yaml."""
_WAIT = "Wait for its end, or stop it; where it runs on another machine that is gone: pulumi cancel"
Listener = Callable[[Result | Message], None]


class Engine:
    """The engine for one environment. `variables` is the whole environment of its processes."""

    def __init__(self, environment: Environment, variables: Mapping[str, str]) -> None:
        self._environment = environment
        # Its event log is a debugging flag of the engine's; nothing else of those is used.
        self._variables = {**variables, "PULUMI_DEBUG_COMMANDS": "true"}
        self._program = environment.bin / "pulumi"

    def ensure_stack(self) -> None:
        """Makes the stack where there is none."""
        kept = self._environment.state / ".pulumi" / "stacks" / PROJECT / f"{self._environment.name}.json"
        if not kept.exists():
            self._run("stack", "select", "--create", self._environment.name)

    def state(self) -> list[dict[str, Any]]:
        """The resources of the stack as they were last seen; secrets stay encrypted."""
        exported = json.loads(self._run("stack", "export").stdout)
        resources: list[dict[str, Any]] = (exported.get("deployment") or {}).get("resources") or []
        return resources

    def up(self, listen: Listener) -> int:
        """Makes the environment fit its inventory; goes on past a failure. Returns the engine's exit code.

        It looks at what is live first: who runs it again expects that drift is mended.
        """
        return self._operate(["up", "--refresh", "--skip-preview", "--yes", "--continue-on-error"], listen)

    def preview(self, listen: Listener) -> int:
        """Says what `up` would do."""
        return self._operate(["preview", "--refresh"], listen, preview=True)

    def destroy(self, listen: Listener) -> int:
        """Removes everything that the stack holds."""
        return self._operate(["destroy", "--skip-preview", "--yes", "--continue-on-error"], listen)

    def _break_stale_locks(self) -> Iterator[Message]:
        """Removes the locks of engines that are provably dead, and says so.

        Raises:
            LockedError: an engine is at work, or nobody can tell.
        """
        where = f"environment {self._environment.name}"
        folder = (
            self._environment.state / ".pulumi" / "locks" / "organization" / PROJECT / self._environment.name
        )
        for path in sorted(folder.glob("*.json")):
            lock = Lock.read(path)
            if not lock.is_dead():
                raise LockedError(f"{where}: found {lock}; expected nobody. {_WAIT}")
            path.unlink()
            yield Message(Severity.WARNING, f"{where}: removed the lock of {lock}, which is dead")

    def _run(self, *words: str) -> command.Completed:
        argv: list[str | Path] = [self._program, *words, "--non-interactive"]
        return command.run(argv, env=self._variables, cwd=self._environment.project, timeout=_LIMIT)

    def _operate(self, words: Sequence[str], listen: Listener, *, preview: bool = False) -> int:
        # A preview takes no lock and minds none.
        for message in () if preview else self._break_stale_locks():
            listen(message)
        with tempfile.TemporaryDirectory(dir=self._environment.folder) as folder:
            log = Path(folder) / "events"
            log.touch(mode=0o600)
            options = [
                "--non-interactive",
                "--suppress-outputs",
                "--parallel",
                _PARALLEL,
                "--event-log",
                str(log),
            ]
            spoken: list[str] = []
            group = command.Group(
                [self._program, *words, *options],
                env=self._variables,
                cwd=self._environment.project,
                on_line=spoken.append,
            )
            follower = _Follower(log, listen, preview=preview)
            try:
                code = group.wait()
            finally:
                seen = follower.finish()
            if code and not seen:
                # It ended before it had begun: its own words are all there is.
                raise command.failure(["pulumi", *words], code, "\n".join(spoken))
            return code


class _Follower:
    """Reads the engine's event log while it grows."""

    def __init__(self, log: Path, listen: Listener, *, preview: bool) -> None:
        self._log, self._listen, self._preview = log, listen, preview
        self._reader, self._seen = Reader(), 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def finish(self) -> int:
        """Reads the rest; returns how many results and messages there were."""
        self._ended.set()
        self._thread.join()
        return self._seen

    def _follow(self) -> None:
        with self._log.open() as stream:
            rest = ""
            while True:
                last = self._ended.is_set()
                rest += stream.read()
                *whole, rest = rest.split("\n")
                for line in filter(None, whole):
                    self._tell(json.loads(line))
                if last:
                    return
                time.sleep(_TAIL_PAUSE)

    def _tell(self, event: Mapping[str, Any]) -> None:
        for entry in self._reader.read(event, time.monotonic(), preview=self._preview):
            self._seen += 1
            self._listen(entry)
