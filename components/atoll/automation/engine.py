"""The Pulumi engine as Atoll runs it: in a process group of its own, its events read as they come."""

import contextlib
import json
import os
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from atoll.automation import (
    checkpoints,
    events,
    hosting,
    locks,
    sealing,
    started,
    tracing,
    unfinished,
    unopened,
)
from atoll.automation.events import Message, Reader, Result, Severity
from atoll.automation.following import Follower, Listener
from atoll.automation.interruption import EngineEnded
from atoll.automation.locks import Life, Lock, Locks
from atoll.automation.turns import Turn
from atoll.core import command, files
from atoll.core.errors import AtollError, LockedError, UnavailableError, quoted
from atoll.host import Environment, limits, remains

_RUN_A_PROGRAM = frozenset({"up", "preview"})
_LIMIT = timedelta(minutes=5)
_OPTIONS = ("--non-interactive", "--suppress-outputs", "--parallel", "32")
_FOLDER = "file:"
_NOTHING = "urn:pulumi:*::nothing"
"""A target that no resource is. A pattern, since of a name the engine demands that it is there."""
EVENTS = "events."
"""How the name of a folder with an event log begins; whoever is killed leaves one."""
_ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL")
"""An engine that outlives its command holds the lock, and dies of its closed output some time later anyway."""
_WAIT = "Wait for its end, or stop it; where it runs on another machine that is gone: pulumi cancel"
_SOON = timedelta(seconds=2)
_STOPPING = Message(
    Severity.WARNING, "interrupted: the engine ends what it has begun. Interrupt again to end it at once"
)
_LOCKED = "the stack is currently locked by"
"""Source: pulumi/pulumi, pkg/backend/diy/lock.go (checkForLock)."""


class Engine:
    """The engine for one environment. `variables` is the whole environment of its processes."""

    def __init__(
        self,
        environment: Environment,
        variables: Mapping[str, str],
        *,
        held: Locks | None = None,
        turn: Turn | None = None,
        urns: Sequence[str] | None = None,
    ) -> None:
        """`held` are the locks on its stack, `turn` is for how long it waits for whoever has one.

        `urns` are the resources that it may touch, or patterns of them; None are all.
        """
        self._environment = environment
        self._held = held or locks.of(environment, None)
        self._turn, self._urns = turn or Turn(), urns
        # Its event log is a debugging flag of the engine's; nothing else of those is used.
        self._variables = {**variables, "PULUMI_DEBUG_COMMANDS": "true"}
        self._program = environment.bin / "pulumi"
        self._elsewhere = not variables.get("PULUMI_BACKEND_URL", _FOLDER).startswith(_FOLDER)

    def within(self, urns: Sequence[str] | None) -> "Engine":
        """The same, that touches some resources and no other: `up`, previews, `refresh`, `drift`, `destroy`; None are all."""
        return Engine(self._environment, self._variables, held=self._held, turn=self._turn, urns=urns)

    def touches(self, urn: str) -> bool:
        """Whether it may touch a resource."""
        return self._urns is None or urn in self._urns

    @property
    def has_stack(self) -> bool:
        """Whether there is a stack; of a state in a bucket the engine knows."""
        if not self._elsewhere:
            return self._kept.exists()
        listed = json.loads(self._run("stack", "ls", "--project", sealing.PROJECT, "--json").stdout)
        return self._environment.name in {each["name"].rpartition("/")[2] for each in listed}

    def foresee(self) -> None:
        """Lets load what its looks need, for who will operate it soon."""
        hosting.load_plugins(self._environment.engine_home, self._environment.project, self._variables)

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
        self._wait_for_others(listen)
        self._run(
            "stack",
            "select",
            "--create",
            self._environment.name,
            "--secrets-provider",
            provider,
            locking=True,
        )

    def encrypt_by(self, listen: Listener, provider: str) -> None:
        """Encrypts all secrets of the stack anew, by a new data key of a provider (a URL)."""
        self._wait_for_others(listen)
        self._run("stack", "change-secrets-provider", provider, locking=True)

    def state(self) -> list[dict[str, Any]]:
        """The resources of the stack as they were last seen; secrets stay encrypted."""
        latest = self._latest()
        if latest is None:
            latest = self.export().get("deployment") or {}
        resources: list[dict[str, Any]] = latest.get("resources") or []
        return resources

    def export(self, *, opened: bool = False) -> dict[str, Any]:
        """The whole state; `opened` has its secrets in plain, for nobody but who asked."""
        words = ["--show-secrets"] if opened else []
        exported: dict[str, Any] = json.loads(self._run("stack", "export", *words).stdout)
        return exported

    def up(self, listen: Listener) -> int:
        """Makes the environment fit its inventory; goes on past a failure. Returns the engine's exit code.

        It looks at what is live first: who runs it again expects that drift is mended.
        """
        return self._operate(["up", "--refresh", "--skip-preview", "--yes", "--continue-on-error"], listen)

    def plan(self, file: Path, listen: Listener) -> tuple[int, list[str]]:
        """Says what `up` would do, and writes the engine's own plan of it; its exit code, and its diff by lines.

        The engine lets everybody read the file: it belongs into a folder that is closed.
        """
        spoken: list[str] = []
        words = ["preview", "--refresh", "--diff", "--color", "never", "--save-plan", str(file)]
        return self._operate(words, listen, writes=False, preview=True, spoken=spoken), spoken

    def apply(self, file: Path, listen: Listener, variables: Mapping[str, str]) -> int:
        """Does what a plan of the engine's says and no more; `variables` are for its program.

        It previews first, holding its lock, so that what differs from the plan is found before anything is written.
        """
        other = Engine(self._environment, {**self._variables, **variables}, held=self._held, turn=self._turn)
        return other._operate(
            ["up", "--refresh", "--plan", str(file), "--yes", "--continue-on-error"],
            listen,
            reader=Reader(previews_first=True),
        )

    def follow(self, urns: Sequence[str], listen: Listener) -> int:
        """Makes some resources fit the inventory, and touches no other."""
        words = ["up", "--refresh", "--skip-preview", "--yes"]
        return self.within(urns)._operate(words, listen)  # noqa: SLF001 - another of this class

    def preview(self, listen: Listener) -> int:
        """Says what `up` would do."""
        return self._operate(["preview", "--refresh"], listen, writes=False, preview=True)

    def unprotect(self, urns: Sequence[str], listen: Listener) -> None:
        """Lets the next run delete or replace what the engine protects; what is still declared it protects again."""
        touched = list(filter(self.touches, urns))
        if not touched:
            return
        self._wait_for_others(listen)
        self._run("state", "unprotect", "--yes", *touched, locking=True)

    def refresh(self, listen: Listener) -> int:
        """Writes what is live into the state."""
        return self._operate(["refresh", "--skip-preview", "--yes"], listen)

    def drift(self, listen: Listener) -> int:
        """Says what is live otherwise than the state has it, and writes nothing."""
        reader = Reader(verbs=events.DRIFT)
        return self._operate(["refresh", "--preview-only"], listen, writes=False, reader=reader)

    def registered(self, listen: Listener) -> dict[str, str] | None:
        """What the program registers, {urn: parent}; None where it fails, which was told then.

        It runs against the state alone: where nothing is a target, no provider is asked anything.
        """
        reader, other = Reader(), self.within([_NOTHING])

        def tell(entry: Result | Message) -> None:
            if isinstance(entry, Message) and entry.severity is Severity.ERROR:
                listen(entry)

        code = other._operate(["preview"], tell, writes=False, preview=True, reader=reader)  # noqa: SLF001 - another of this class
        return None if code else reader.parents

    def destroy(self, listen: Listener) -> int:
        """Removes everything that the stack holds."""
        return self._operate(["destroy", "--skip-preview", "--yes", "--continue-on-error"], listen)

    def preview_destroy(self, listen: Listener) -> int:
        """Says what `destroy` would remove."""
        return self._operate(["destroy", "--preview-only"], listen, writes=False, preview=True)

    def outputs(self, *, opened: bool = False) -> dict[str, Any]:
        """What the stack exports; `opened` has its secrets in plain, for nobody but who asked."""
        words = ["--show-secrets"] if opened else []
        found: dict[str, Any] = json.loads(self._run("stack", "output", "--json", *words).stdout)
        return found

    def take_up(self) -> Iterator[Message]:
        """Clears away what dead engines left: their locks, their processes, and what they had begun to create."""
        where = f"environment {self._environment.name}"
        idle = not any(locks.is_engine(each) for each in remains.engines(self._environment))
        for path in locks.remains(self._environment.state, idle=idle):
            path.unlink(missing_ok=True)
        living = []
        for lock in self._held():
            if lock.is_dead():
                lock.remove()
                yield Message(Severity.WARNING, f"{where}: removed the lock of {lock}, which is dead")
            else:
                living.append(lock)
        if living:
            return
        for name in remains.end(remains.orphans(self._environment)):
            yield Message(Severity.WARNING, f"{where}: ended {name}, which a dead engine had left")
        if self._is_interrupted():
            deployment = self.export()
            taken = {**deployment, "deployment": unfinished.taken_up(deployment["deployment"])}
            self._run("stack", "import", stdin=json.dumps(taken), locking=True)
            yield Message(Severity.WARNING, f"{where}: took up what a dead engine had begun")

    @property
    def _first(self) -> tuple[str, ...]:
        """The words before those of an engine that takes a lock: in a bucket others have theirs beside it."""
        return (*started.noting(self._environment), *_ENDS_WITH_US) if self._elsewhere else _ENDS_WITH_US

    def _ended(self, pid: int, code: int) -> None:
        """Forgets an engine, unless a signal ended it, so that it kept its lock."""
        if self._elsewhere and code >= 0:
            started.forget(self._environment, pid)

    def _stopped(self, group: command.Group) -> EngineEnded:
        """What is left of a run that was interrupted: one that did not end in order leaves plugins at work."""
        if group.ended_by != signal.SIGINT:
            remains.end(remains.orphans(self._environment), _SOON)
        return EngineEnded(group.ended_by or signal.SIGINT)

    def _is_interrupted(self) -> bool:
        """Whether the state says so."""
        if self._elsewhere:
            return self.has_stack and unfinished.is_any(self.export().get("deployment") or {})
        return unfinished.is_any(self._latest() or {})

    def _latest(self) -> dict[str, Any] | None:
        """The deployment of a state on this machine, read without the engine, which takes half a second.

        None of one that is elsewhere, or that nobody can read: that is the engine's to tell of.
        """
        if self._elsewhere:
            return None
        try:
            kept: dict[str, Any] = files.read_json(self._kept, {})
        except ValueError:
            return None
        return (kept.get("checkpoint") or {}).get("latest") or {}

    def _wait_for_others(self, listen: Listener) -> None:
        """Takes up what the dead left, and waits until no engine is at work, as long as the turn allows.

        Raises:
            LockedError: one is at work, or nobody can tell.
        """
        while True:
            for message in self.take_up():
                listen(message)
            held = self._held()
            if not held:
                return
            self._turn.wait(self._locked(held[0]))

    def _locked(self, lock: Lock) -> LockedError:
        life, why = lock.life()
        known = f" ({why})" if life is Life.UNKNOWN else ""
        return LockedError(
            f"environment {self._environment.name}: found {lock}; expected nobody{known}. {_WAIT}"
        )

    @property
    def _kept(self) -> Path:
        return sealing.kept(self._environment)

    def _run(self, *words: str, stdin: str = "", locking: bool = False) -> command.Completed:
        """`locking` is for what takes the lock."""
        first = self._first if locking else _ENDS_WITH_US
        argv: list[str | Path] = [*first, self._program, *words, "--non-interactive"]
        place = self._environment.project
        with tracing.span(f"pulumi {' '.join(words[:2])}"):
            done = command.run(argv, env=self._variables, cwd=place, stdin=stdin, timeout=_LIMIT, check=False)
        if locking:
            self._ended(done.pid, done.code)
        if done.code:
            raise self._failure(words, done.code, done.stderr or done.stdout)
        return done

    def _failure(self, words: Sequence[str], code: int, output: str) -> AtollError:
        """The error of an engine that did not tell why it ended: its own words are all there is, and how full the disk is."""
        if _LOCKED in output:
            # Somebody was a moment faster.
            held = self._held()
            return self._locked(held[0]) if held else LockedError(f"pulumi: {quoted(output)}. {_WAIT}")
        provider = sealing.provider(self._environment) or f"environment {self._environment.name}"
        return (
            unopened.told(provider, output)
            or limits.full_disk(self._environment.folder)
            or command.failure(["pulumi", *words], code, output)
        )

    def _operate(  # noqa: PLR0913 - in what one operation of the engine differs from another
        self,
        words: Sequence[str],
        listen: Listener,
        *,
        writes: bool = True,
        preview: bool = False,
        reader: Reader | None = None,
        spoken: list[str] | None = None,
    ) -> int:
        spoken = [] if spoken is None else spoken
        words = [*words, *(word for urn in self._urns or () for word in ("--target", urn))]
        # What writes nothing takes no lock and minds none.
        if not writes:
            return self._operated(words, listen, reader or Reader(), spoken, preview=preview)
        while True:
            self._wait_for_others(listen)
            try:
                with contextlib.nullcontext() if self._elsewhere else checkpoints.Keeper(self._environment):
                    return self._operated(words, listen, reader or Reader(), spoken, preview=preview)
            except LockedError as error:
                self._turn.wait(error)

    @contextlib.contextmanager
    def _program_of(
        self, words: Sequence[str], folder: Path, traced: Mapping[str, str]
    ) -> Iterator[Sequence[str]]:
        """What runs the program, where one is run, ready before the engine needs it; gives the engine's options for it."""
        # To a trace belongs what the program does, of which the engine's own host tells it.
        if words[0] not in _RUN_A_PROGRAM or traced:
            yield ()
            return
        address = f"unix:{folder / 'p'}"
        with hosting.program(self._environment.project, address, self._variables):
            yield "--client", address

    def _operated(
        self, words: Sequence[str], listen: Listener, reader: Reader, spoken: list[str], *, preview: bool
    ) -> int:
        with (
            tempfile.TemporaryDirectory(dir=self._environment.folder, prefix=EVENTS) as folder,
            tracing.engine(f"pulumi {words[0]}", Path(folder)) as traced,
            self._program_of(words, Path(folder), traced.variables) as client,
        ):
            log = Path(folder) / "events"
            log.touch(mode=0o600)
            options = [*_OPTIONS, *client, *traced.options, "--event-log", str(log)]
            group = command.Group(
                [*self._first, self._program, *words, *options],
                env={**self._variables, **traced.variables},
                cwd=self._environment.project,
                on_line=spoken.append,
                on_stop=lambda: listen(_STOPPING),
            )
            follower = Follower(log, listen, reader, preview=preview)
            try:
                code = group.wait()
                self._ended(group.pid, code)
            except KeyboardInterrupt as error:
                raise self._stopped(group) from error
            finally:
                seen = follower.finish()
            if code and Severity.ERROR not in seen:
                problem = self._failure(words, code, "\n".join(spoken))
                if not seen:
                    raise problem
                # Its event log ends where a full disk ended it.
                listen(Message(Severity.ERROR, str(problem)))
            elif code and (full := limits.full_disk(self._environment.folder)):
                # Whoever met it may have another word for it: a registry's client is told of an invalid range.
                listen(Message(Severity.ERROR, str(full)))
            return code
