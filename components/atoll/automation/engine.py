"""The Pulumi engine as Atoll runs it: in a process group of its own, its events read as they come."""

import json
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from atoll.automation.events import Message, Reader, Result
from atoll.core import command
from atoll.host import Environment

_LIMIT = timedelta(minutes=5)
_TAIL_PAUSE = 0.05
_PARALLEL = "32"
Listener = Callable[[Result | Message], None]


class Engine:
    """The engine for one environment. `variables` is the whole environment of its processes."""

    def __init__(self, environment: Environment, variables: Mapping[str, str]) -> None:
        self._environment = environment
        # Its event log is a debugging flag of the engine's; nothing else of those is used.
        self._variables = {**variables, "PULUMI_DEBUG_COMMANDS": "true"}
        self._program = environment.folder / "bin" / "pulumi"

    def ensure_stack(self) -> None:
        """Makes the stack where there is none."""
        kept = self._environment.state / ".pulumi" / "stacks" / "atoll" / f"{self._environment.name}.json"
        if not kept.exists():
            self._run("stack", "select", "--create", self._environment.name)

    def state(self) -> list[dict[str, Any]]:
        """The resources of the stack as they were last seen; secrets stay encrypted."""
        exported = json.loads(self._run("stack", "export").stdout)
        resources: list[dict[str, Any]] = (exported.get("deployment") or {}).get("resources") or []
        return resources

    def up(self, listen: Listener) -> int:
        """Makes the environment fit its inventory; goes on past a failure. Returns the engine's exit code."""
        return self._operate(["up", "--skip-preview", "--yes", "--continue-on-error"], listen)

    def preview(self, listen: Listener) -> int:
        """Says what `up` would do."""
        return self._operate(["preview"], listen, preview=True)

    def destroy(self, listen: Listener) -> int:
        """Removes everything that the stack holds."""
        return self._operate(["destroy", "--skip-preview", "--yes", "--continue-on-error"], listen)

    def _run(self, *words: str) -> command.Completed:
        argv = [self._program, *words, "--non-interactive"]
        return command.run(argv, env=self._variables, cwd=self._environment.project, timeout=_LIMIT)

    def _operate(self, words: Sequence[str], listen: Listener, *, preview: bool = False) -> int:
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
