"""The Pulumi engine as Atoll runs it: in a process group of its own, its events read as they come."""

import contextlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from atoll.automation import events, locks, sealing, unfinished, unopened
from atoll.automation.events import Message, Reader, Result, Severity
from atoll.automation.locks import Lock
from atoll.core import command, files
from atoll.core.errors import AtollError, LockedError, UnavailableError
from atoll.host import Environment, limits, remains

_LIMIT = timedelta(minutes=5)
_TAIL_PAUSE = 0.05
_PARALLEL = "32"
_FOLDER = "file:"
_NOTHING = "urn:pulumi:*::nothing"
"""A target that no resource is. A pattern, since of a name the engine demands that it is there."""
EVENTS = "events."
"""How the name of a folder with an event log begins; whoever is killed leaves one."""
_ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL")
"""An engine that outlives its command holds the lock, and dies of its closed output some time later anyway."""
_WAIT = "Wait for its end, or stop it; where it runs on another machine that is gone: pulumi cancel"
Listener = Callable[[Result | Message], None]
Urns = Sequence[str] | None
"""The resources that an operation may touch; None are all."""


class Engine:
    """The engine for one environment. `variables` is the whole environment of its processes."""

    def __init__(self, environment: Environment, variables: Mapping[str, str]) -> None:
        self._environment = environment
        # Its event log is a debugging flag of the engine's; nothing else of those is used.
        self._variables = {**variables, "PULUMI_DEBUG_COMMANDS": "true"}
        self._program = environment.bin / "pulumi"
        self._elsewhere = not variables.get("PULUMI_BACKEND_URL", _FOLDER).startswith(_FOLDER)

    @property
    def has_stack(self) -> bool:
        """Whether there is a stack; of a state in a bucket the engine knows."""
        if not self._elsewhere:
            return self._kept.exists()
        listed = json.loads(self._run("stack", "ls", "--project", sealing.PROJECT, "--json").stdout)
        return self._environment.name in {each["name"].rpartition("/")[2] for each in listed}

    def make_stack(self, listen: Listener, provider: str) -> None:
        """Makes the stack, its secrets encrypted by a provider (a URL)."""
        settings = self._environment.stack_settings
        if not os.access(settings.parent, os.W_OK):
            raise UnavailableError(
                f"{settings.parent}: found a folder that cannot be written; expected one that can (the engine "
                "keeps the stack's settings there). Use a checkout that can be written."
            )
        # One that is left belongs to a state that is gone: its key is not the new one's.
        settings.unlink(missing_ok=True)
        for message in self.take_up():
            listen(message)
        self._refuse_locked()
        self._run("stack", "select", "--create", self._environment.name, "--secrets-provider", provider)

    def encrypt_by(self, listen: Listener, provider: str) -> None:
        """Encrypts all secrets of the stack anew, by a new data key of a provider (a URL)."""
        for message in self.take_up():
            listen(message)
        self._refuse_locked()
        self._run("stack", "change-secrets-provider", provider)

    def state(self) -> list[dict[str, Any]]:
        """The resources of the stack as they were last seen; secrets stay encrypted."""
        resources: list[dict[str, Any]] = (self.export().get("deployment") or {}).get("resources") or []
        return resources

    def export(self, *, opened: bool = False) -> dict[str, Any]:
        """The whole state; `opened` has its secrets in plain, for nobody but who asked."""
        words = ["--show-secrets"] if opened else []
        exported: dict[str, Any] = json.loads(self._run("stack", "export", *words).stdout)
        return exported

    def up(self, listen: Listener, urns: Urns = None) -> int:
        """Makes the environment fit its inventory; goes on past a failure. Returns the engine's exit code.

        It looks at what is live first: who runs it again expects that drift is mended. With some `urns` it touches no
        other resource; so do the operations below.
        """
        words = ["up", "--refresh", "--skip-preview", "--yes", "--continue-on-error"]
        return self._operate([*words, *_targets(urns)], listen)

    def follow(self, urns: Sequence[str], listen: Listener) -> int:
        """Makes some resources fit the inventory, and touches no other."""
        return self._operate(["up", "--refresh", "--skip-preview", "--yes", *_targets(urns)], listen)

    def preview(self, listen: Listener, urns: Urns = None) -> int:
        """Says what `up` would do."""
        words = ["preview", "--refresh", *_targets(urns)]
        return self._operate(words, listen, writes=False, preview=True)

    def refresh(self, listen: Listener, urns: Urns = None) -> int:
        """Writes what is live into the state."""
        return self._operate(["refresh", "--skip-preview", "--yes", *_targets(urns)], listen)

    def drift(self, listen: Listener, urns: Urns = None) -> int:
        """Says what is live otherwise than the state has it, and writes nothing."""
        reader = Reader(verbs=events.DRIFT)
        return self._operate(
            ["refresh", "--preview-only", *_targets(urns)], listen, writes=False, reader=reader
        )

    def registered(self, listen: Listener) -> dict[str, str] | None:
        """What the program registers, {urn: parent}; None where it fails, which was told then.

        It runs against the state alone: where nothing is a target, no provider is asked anything.
        """
        reader, words = Reader(), ["preview", *_targets([_NOTHING])]

        def tell(entry: Result | Message) -> None:
            if isinstance(entry, Message) and entry.severity is Severity.ERROR:
                listen(entry)

        code = self._operate(words, tell, writes=False, preview=True, reader=reader)
        return None if code else reader.parents

    def destroy(self, listen: Listener) -> int:
        """Removes everything that the stack holds."""
        return self._operate(["destroy", "--skip-preview", "--yes", "--continue-on-error"], listen)

    def take_up(self) -> Iterator[Message]:
        """Clears away what dead engines left: their locks, their processes, and what they had begun to create."""
        where = f"environment {self._environment.name}"
        idle = not any(locks.is_engine(each) for each in remains.engines(self._environment))
        for path in locks.remains(self._environment.state, idle=idle):
            path.unlink(missing_ok=True)
        for path in self._locks():
            lock = Lock.read(path)
            if lock.is_dead():
                locks.remove(path)
                yield Message(Severity.WARNING, f"{where}: removed the lock of {lock}, which is dead")
        if self._locks():
            return
        for name in remains.end(remains.orphans(self._environment)):
            yield Message(Severity.WARNING, f"{where}: ended {name}, which a dead engine had left")
        if self._is_interrupted():
            deployment = self.export()
            taken = {**deployment, "deployment": unfinished.taken_up(deployment["deployment"])}
            self._run("stack", "import", stdin=json.dumps(taken))
            yield Message(Severity.WARNING, f"{where}: took up what a dead engine had begun")

    def _is_interrupted(self) -> bool:
        """Whether the state says so; one on this machine is asked without the engine, which takes half a second."""
        if self._elsewhere:
            return self.has_stack and unfinished.is_any(self.export().get("deployment") or {})
        try:
            kept: dict[str, Any] = files.read_json(self._kept, {})
        except ValueError:
            # A state that nobody can read is the engine's to tell of.
            return False
        return unfinished.is_any((kept.get("checkpoint") or {}).get("latest") or {})

    def _refuse_locked(self) -> None:
        """Raises where an engine is at work, or nobody can tell.

        Raises:
            LockedError: so it is.
        """
        for path in self._locks():
            raise LockedError(
                f"environment {self._environment.name}: found {Lock.read(path)}; expected nobody. {_WAIT}"
            )

    def _locks(self) -> list[Path]:
        kept = self._environment.state / ".pulumi" / "locks" / "organization" / sealing.PROJECT
        return sorted((kept / self._environment.name).glob("*.json"))

    @property
    def _kept(self) -> Path:
        return sealing.kept(self._environment)

    def _run(self, *words: str, stdin: str = "") -> command.Completed:
        argv: list[str | Path] = [*_ENDS_WITH_US, self._program, *words, "--non-interactive"]
        place = self._environment.project
        done = command.run(argv, env=self._variables, cwd=place, stdin=stdin, timeout=_LIMIT, check=False)
        if done.code:
            raise self._failure(words, done.code, done.stderr or done.stdout)
        return done

    def _failure(self, words: Sequence[str], code: int, output: str) -> AtollError:
        """The error of an engine that did not tell why it ended: its own words are all there is, and how full the disk is."""
        provider = sealing.provider(self._environment) or f"environment {self._environment.name}"
        return (
            unopened.told(provider, output)
            or limits.full_disk(self._environment.folder)
            or command.failure(["pulumi", *words], code, output)
        )

    def _operate(
        self,
        words: Sequence[str],
        listen: Listener,
        *,
        writes: bool = True,
        preview: bool = False,
        reader: Reader | None = None,
    ) -> int:
        if writes:
            # What writes nothing takes no lock and minds none.
            for message in self.take_up():
                listen(message)
            self._refuse_locked()
        with tempfile.TemporaryDirectory(dir=self._environment.folder, prefix=EVENTS) as folder:
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
                [*_ENDS_WITH_US, self._program, *words, *options],
                env=self._variables,
                cwd=self._environment.project,
                on_line=spoken.append,
            )
            follower = _Follower(log, listen, reader or Reader(), preview=preview)
            try:
                code = group.wait()
            finally:
                seen = follower.finish()
            if code and Severity.ERROR not in seen:
                problem = self._failure(words, code, "\n".join(spoken))
                if not seen:
                    raise problem
                # Its event log ends where a full disk ended it.
                listen(Message(Severity.ERROR, str(problem)))
            return code


def _targets(urns: Urns) -> list[str]:
    return [word for urn in urns or () for word in ("--target", urn)]


class _Follower:
    """Reads the engine's event log while it grows."""

    def __init__(self, log: Path, listen: Listener, reader: Reader, *, preview: bool) -> None:
        self._log, self._listen, self._reader, self._preview = log, listen, reader, preview
        self._seen: set[Severity | None] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def finish(self) -> set[Severity | None]:
        """Reads the rest; returns what kinds of messages there were, None for a result."""
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
                for line in whole:
                    # One that a full disk cut off tells nothing.
                    with contextlib.suppress(ValueError):
                        self._tell(json.loads(line))
                if last:
                    return
                time.sleep(_TAIL_PAUSE)

    def _tell(self, event: Mapping[str, Any]) -> None:
        for entry in self._reader.read(event, time.monotonic(), preview=self._preview):
            self._seen.add(entry.severity if isinstance(entry, Message) else None)
            self._listen(entry)
