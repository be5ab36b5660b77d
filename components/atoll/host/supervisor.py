"""The processes of one environment, kept by supervisord.

Only the `atoll` command starts the supervisor; providers ask it through its socket, which its owner alone
can open. Processes die with their supervisor, and a new one starts all of them again.
"""

import contextlib
import http.client
import os
import shutil
import socket as sockets
import sys
import time
import xmlrpc.client
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import Faults

from atoll.core import command, files
from atoll.core.errors import NotReadyError, UnavailableError
from atoll.host import conversation, description, freezing, history, limits, remains
from atoll.host.description import ENDS_WITH_SUPERVISOR, Program
from atoll.host.environment import Environment
from atoll.host.history import Restart

_PATIENCE = timedelta(seconds=20)
_ANSWER = timedelta(seconds=15)
"""How long a supervisor may take to answer; it does so within milliseconds, unless it is frozen."""
_CALL = timedelta(seconds=60)
"""How long a call may take that stops a process, which has 15 s before it is killed."""
_AGAIN = timedelta(seconds=5)
_ENDED = {"STOPPED", "EXITED", "FATAL"}
_ENDING = "STOPPING"


@dataclass(frozen=True)
class Process:
    """A supervised process as it is: `state` is supervisord's word (RUNNING, BACKOFF, ...)."""

    name: str
    state: str
    pid: int
    description: str


class Supervisor:
    """The supervisor of one environment."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    @property
    def running(self) -> bool:
        """Whether somebody answers at the socket."""
        with sockets.socket(sockets.AF_UNIX) as probe:
            probe.settimeout(_AGAIN.total_seconds())
            try:
                probe.connect(str(self._environment.socket))
            except OSError:
                return False
        return True

    def answers(self, patience: timedelta = _ANSWER) -> bool:
        """Whether it does what it is asked: one that is frozen takes calls and answers none."""
        try:
            with self._proxy(patience) as proxy:
                return bool(proxy.getState())
        except UnavailableError:
            return False

    def _serves(self) -> bool:
        """Whether it is there for good. One that is only slow, on a machine that is busy, is waited for."""
        if self.answers():
            return True
        frozen = any(
            process.status() == psutil.STATUS_STOPPED for process in remains.supervisors(self._environment)
        )
        return self.running and not frozen and self.answers(_CALL)

    def start(self) -> bool:
        """Starts the supervisor with all its programs; returns whether it had to.

        One that cannot be reached any more (its socket was removed, it is frozen) gives way with all that it runs.

        Raises:
            NotReadyError: it does not answer.
            UnavailableError: the system grants less than the processes need.
        """
        freezing.thaw(self._environment)
        with files.locked(self._environment.folder / "supervisor.lock"):
            if self._serves():
                return False
            limits.require_open_files()
            self._end_remains()
            configuration = self._environment.folder / "supervisord.conf"
            files.write(configuration, _configuration(self._environment))
            # Nothing of the caller's environment reaches the processes: no proxies, no cloud's credentials. What
            # they log has one clock.
            home = str(self._environment.folder)
            clean = {"PATH": os.defpath, "HOME": home, "LANG": "C.UTF-8", "TZ": "UTC"}
            program = [sys.executable, "-W", "ignore", *remains.arguments(self._environment)]
            command.run(program, env=clean, cwd=self._environment.folder)
            _until(lambda: self.running, "supervisord: found no answer at its socket; expected one")
            return True

    def stop(self) -> list[str]:
        """Ends the supervisor and every process under it, and waits for them.

        Returns what did not end when the supervisor was told to, or could not be told at all: `etcd (pid 71)`.
        """
        freezing.thaw(self._environment)
        if self.running:
            with contextlib.suppress(UnavailableError), self._proxy(_ANSWER) as proxy:
                known = [proxy.getPID(), *(entry["pid"] for entry in proxy.getAllProcessInfo())]
                alive = [psutil.Process(pid) for pid in known if pid and psutil.pid_exists(pid)]
                _stop_in_order(proxy)
                proxy.shutdown()
                psutil.wait_procs(alive, timeout=_AGAIN.total_seconds())
        return self._end_remains()

    def _end_remains(self) -> list[str]:
        # The supervisor first: it would start again what ends before it.
        ended = remains.end(remains.supervisors(self._environment), _AGAIN)
        return ended + remains.end(remains.supervised(self._environment), _AGAIN)

    def revive(self) -> list[str]:
        """Starts those at once that wait for their next start, ever longer; returns their names."""
        waiting = [process.name for process in self.processes() if process.state == "BACKOFF"]
        with self._proxy() as proxy:
            return [name for name in waiting if self._begin(proxy, name, "BACKOFF")]

    def processes(self) -> list[Process]:
        """Every supervised process, by name."""
        with self._proxy(_ANSWER) as proxy:
            found = [_process(entry) for entry in proxy.getAllProcessInfo()]
        return sorted(found, key=lambda process: process.name)

    def ensure(self, programs: Iterable[Program]) -> list[str]:
        """Makes the programs run as they are described; returns the names of those that were (re)started.

        Raises:
            UnavailableError: no supervisor runs, or what it needs of the system is missing.
        """
        if shutil.which(ENDS_WITH_SUPERVISOR[0], path=os.defpath) is None:
            raise UnavailableError(
                f"{ENDS_WITH_SUPERVISOR[0]}: found none in {os.defpath}; expected it (it ends processes with their "
                "supervisor). Install util-linux."
            )
        ordered = sorted(programs, key=lambda entry: entry.priority)
        changed = self.differing(ordered)
        with self._proxy() as proxy:
            # Dropped before they are described anew: whoever is killed in between leaves what the next call starts.
            # The last one first, so that a client never waits for a server that is gone.
            for program in reversed(changed):
                self._drop(proxy, program.name)
            self.describe(changed)
            known = {entry["name"]: entry["statename"] for entry in proxy.getAllProcessInfo()}
            return [
                program.name
                for program in ordered
                if self._begin(proxy, program.name, known.get(program.name))
            ]

    def describe(self, programs: Iterable[Program]) -> None:
        """Writes down what a supervisor that starts is to run."""
        for program in programs:
            files.write(self._file(program.name), self._text(program))

    def differing(self, programs: Iterable[Program]) -> list[Program]:
        """Those of the programs that are described otherwise, or not at all, for the processes that run."""
        return [program for program in programs if self._read(program.name) != self._text(program)]

    def ended(self, programs: Iterable[Program]) -> list[Program]:
        """Those of the programs that nothing keeps running: the supervisor let them go, or gave them up."""
        if not self.running:
            return []
        # Not all of them at once: that answer is long where many clusters are, each of which asks for its own.
        with self._proxy(_ANSWER) as proxy:
            states = {program: _state(proxy, program.name) for program in programs}
        return [program for program, live in states.items() if not live or live.state in {*_ENDED, _ENDING}]

    def described(self, name: str) -> Program | None:
        """What a process was started as."""
        return description.read(self._file(name))

    def version(self, name: str) -> str | None:
        """The version that a process was started in, or None where nobody knows."""
        return description.version(self._file(name))

    def _read(self, name: str) -> str:
        file = self._file(name)
        return file.read_text(errors="replace") if file.exists() else ""

    def _text(self, program: Program) -> str:
        return description.text(program, self.log(program.name))

    def _begin(self, proxy: Any, name: str, state: str | None) -> bool:
        """Starts one program where it has to be; returns whether it had."""
        if state is None:
            proxy.reloadConfig()
            conversation.tolerant(proxy.addProcessGroup, {Faults.ALREADY_ADDED}, name)
            return True
        if state == _ENDING:
            # Whoever asked it to end was killed before it had: nobody would start it again.
            _await_end(proxy, name)
            state = "STOPPED"
        if state == "BACKOFF":
            # Its pauses grow with every failure; whoever asks for it now must not wait for the longest.
            conversation.tolerant(proxy.stopProcess, {Faults.NOT_RUNNING}, name)
        if state == "BACKOFF" or state in _ENDED:
            conversation.tolerant(proxy.startProcess, {Faults.ALREADY_STARTED}, name, False)  # noqa: FBT003 - XML-RPC
            return True
        return False

    def remove(self, names: Iterable[str]) -> None:
        """Stops programs, the last one that was started first, and forgets them; an unknown one is no error."""
        gone = list(names)
        if self.running:
            with self._proxy() as proxy:
                order = {entry["name"]: entry["process_prio"] for entry in proxy.getAllConfigInfo()}
                for name in sorted(gone, key=lambda each: -order.get(each, 0)):
                    self._drop(proxy, name)
        # Forgotten when they have ended: whoever is killed before that leaves what tells the next call of them.
        for name in gone:
            self._file(name).unlink(missing_ok=True)
        if self.running:
            with self._proxy() as proxy:
                proxy.reloadConfig()

    def restart(self, name: str) -> bool:
        """Starts a process anew; returns whether there is such a process."""
        with self._proxy() as proxy:
            if name not in {entry["name"] for entry in proxy.getAllProcessInfo()}:
                return False
            conversation.tolerant(proxy.stopProcess, {Faults.NOT_RUNNING}, name)
            _await_end(proxy, name)
            conversation.tolerant(proxy.startProcess, {Faults.ALREADY_STARTED}, name, False)  # noqa: FBT003 - XML-RPC
            return True

    def state(self, name: str) -> Process | None:
        """One process, or None where the supervisor does not know it."""
        with self._proxy(_ANSWER) as proxy:
            return _state(proxy, name)

    def restarts(self) -> dict[str, Restart]:
        """The last restart of each process that had one, as far back as the supervisor's log goes."""
        log = self.log("supervisord")
        older = (log.with_name(f"{log.name}.{number}") for number in range(description.LOG_BACKUPS, 0, -1))
        texts = [path.read_text(errors="replace") for path in (*older, log) if path.exists()]
        return history.restarts(line for text in texts for line in text.splitlines())

    def log(self, name: str) -> Path:
        """Where a process writes."""
        return self._environment.logs / f"{name}.log"

    def _file(self, name: str) -> Path:
        return self._environment.programs / f"{name}.conf"

    def _drop(self, proxy: Any, name: str) -> None:
        conversation.tolerant(proxy.stopProcess, {Faults.NOT_RUNNING, Faults.BAD_NAME}, name)
        _await_end(proxy, name)
        conversation.tolerant(proxy.removeProcessGroup, {Faults.BAD_NAME}, name)

    @contextlib.contextmanager
    def _proxy(self, patience: timedelta = _CALL) -> Iterator[Any]:
        if not self.running:
            raise UnavailableError(
                f"environment {self._environment.name}: found no supervisor; expected it to run. "
                f"Run: atoll env {self._environment.name}"
            )
        try:
            with conversation.proxy(self._environment.socket, patience) as found:
                yield found
        except (OSError, http.client.HTTPException, xmlrpc.client.Error) as error:
            raise UnavailableError(
                f"environment {self._environment.name}: found its supervisor at its end or in trouble ({error}); "
                f"expected an answer. Look into {self._environment.logs}/supervisord.log"
            ) from error


def _process(entry: dict[str, Any]) -> Process:
    return Process(entry["name"], entry["statename"], entry["pid"], entry["description"])


def _state(proxy: Any, name: str) -> Process | None:
    """One process, or None where the supervisor does not know it."""
    try:
        return _process(proxy.getProcessInfo(name))
    except xmlrpc.client.Fault as fault:
        if fault.faultCode != Faults.BAD_NAME:
            raise
        return None


def _stop_in_order(proxy: Any) -> None:
    """Stops clients before their servers, all of one priority at once: a server waits for those that still ask it."""
    names: dict[int, list[str]] = {}
    for entry in proxy.getAllConfigInfo():
        names.setdefault(entry["process_prio"], []).append(entry["name"])
    for _priority, stopped in sorted(names.items(), reverse=True):
        for name in stopped:
            conversation.tolerant(proxy.stopProcess, {Faults.NOT_RUNNING}, name, False)  # noqa: FBT003 - XML-RPC
        with contextlib.suppress(NotReadyError):
            _until(lambda these=stopped: _ended(proxy, these), "supervisord: found processes that go on")


def _await_end(proxy: Any, name: str) -> None:
    _until(
        lambda: _ended(proxy, [name]),
        f"{name}: found it at work though it was asked to end; expected it gone",
    )


def _ended(proxy: Any, names: Iterable[str]) -> bool:
    states = {entry["name"]: entry["statename"] for entry in proxy.getAllProcessInfo()}
    return all(states.get(name, "STOPPED") in _ENDED for name in names)


def _configuration(environment: Environment) -> str:
    folder = description.escaped(environment.folder)
    # The list of files is split at spaces; what is relative in it starts at the configuration's own folder.
    return f"""[supervisord]
logfile={folder}/logs/supervisord.log
logfile_maxbytes={description.LOG_BYTES}
logfile_backups={description.LOG_BACKUPS}
pidfile={folder}/supervisord.pid
childlogdir={folder}/logs
directory={folder}
umask=077
[unix_http_server]
file={description.escaped(environment.socket)}
chmod=0700
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[include]
files = programs/*.conf
"""


def _until(condition: Any, problem: str) -> None:
    end = time.monotonic() + _PATIENCE.total_seconds()
    while not condition():
        if time.monotonic() > end:
            raise NotReadyError(f"{problem} within {_PATIENCE.total_seconds():.0f} s")
        time.sleep(0.05)
