"""The processes of one environment, kept by supervisord.

Only the `atoll` command starts the supervisor; providers ask it through its socket, which its owner alone
can open. Processes die with their supervisor, and a new one starts all of them again.
"""

import configparser
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
from supervisor.xmlrpc import Faults, SupervisorTransport

from atoll.core import command, files
from atoll.core.errors import NotReadyError, UnavailableError
from atoll.host.environment import Environment

_LOG_SIZE = "10MB"
_PATIENCE = timedelta(seconds=20)
_AGAIN = timedelta(seconds=5)
_ENDED = {"STOPPED", "EXITED", "FATAL"}
_ENDS_WITH_SUPERVISOR = ("setpriv", "--pdeathsig", "TERM")
"""Asks the kernel to end a process when its supervisor dies, however it dies."""


@dataclass(frozen=True)
class Program:
    """What to run: lower priorities start first. Secrets are never in `argv`, which every user can read.

    Another `revision` restarts it though its arguments are the same, since what it reads (its certificates) is not.
    """

    name: str
    argv: tuple[str, ...]
    priority: int = 100
    revision: str = ""


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
            try:
                probe.connect(str(self._environment.socket))
            except OSError:
                return False
        return True

    def start(self) -> bool:
        """Starts the supervisor with all its programs; returns whether it had to.

        Raises:
            NotReadyError: it does not answer.
        """
        with files.locked(self._environment.folder / "supervisor.lock"):
            if self.running:
                return False
            configuration = self._environment.folder / "supervisord.conf"
            files.write(configuration, _configuration(self._environment))
            # Nothing of the caller's environment reaches the processes: no proxies, no cloud's credentials.
            clean = {"PATH": os.defpath, "HOME": str(self._environment.folder), "LANG": "C.UTF-8"}
            program = [
                sys.executable,
                "-W",
                "ignore",
                "-m",
                "supervisor.supervisord",
                "-c",
                str(configuration),
            ]
            command.run(program, env=clean, cwd=self._environment.folder)
            _until(lambda: self.running, "supervisord: found no answer at its socket; expected one")
            return True

    def stop(self) -> None:
        """Ends the supervisor and every process under it, and waits for them."""
        if not self.running:
            return
        pids = [process.pid for process in self.processes() if process.pid]
        with self._proxy() as proxy:
            processes = [psutil.Process(pid) for pid in (proxy.getPID(), *pids) if psutil.pid_exists(pid)]
            proxy.shutdown()
        _, alive = psutil.wait_procs(processes, timeout=_AGAIN.total_seconds())
        # A signal between a process's fork and its exec is lost in supervisord's own handler: it is sent again.
        for ask in (psutil.Process.terminate, psutil.Process.kill):
            for process in alive:
                with contextlib.suppress(psutil.NoSuchProcess):
                    ask(process)
            _, alive = psutil.wait_procs(alive, timeout=_PATIENCE.total_seconds())

    def processes(self) -> list[Process]:
        """Every supervised process, by name."""
        with self._proxy() as proxy:
            found = [
                Process(entry["name"], entry["statename"], entry["pid"], entry["description"])
                for entry in proxy.getAllProcessInfo()
            ]
        return sorted(found, key=lambda process: process.name)

    def ensure(self, programs: Iterable[Program]) -> list[str]:
        """Makes the programs run as they are described; returns the names of those that were (re)started.

        Raises:
            UnavailableError: no supervisor runs, or what it needs of the system is missing.
        """
        if shutil.which(_ENDS_WITH_SUPERVISOR[0], path=os.defpath) is None:
            raise UnavailableError(
                f"{_ENDS_WITH_SUPERVISOR[0]}: found none in {os.defpath}; expected it (it ends processes with their "
                "supervisor). Install util-linux."
            )
        ordered = sorted(programs, key=lambda entry: entry.priority)
        changed = [program for program in ordered if not self._described(program)]
        with self._proxy() as proxy:
            # Dropped before they are described anew: whoever is killed in between leaves what the next call starts.
            # The last one first, so that a client never waits for a server that is gone.
            for program in reversed(changed):
                self._drop(proxy, program.name)
            for program in changed:
                files.write(self._file(program.name), self._section(program))
            known = {entry["name"]: entry["statename"] for entry in proxy.getAllProcessInfo()}
            return [
                program.name
                for program in ordered
                if self._begin(proxy, program.name, known.get(program.name))
            ]

    def _described(self, program: Program) -> bool:
        file = self._file(program.name)
        return file.exists() and file.read_text() == self._section(program)

    def _begin(self, proxy: Any, name: str, state: str | None) -> bool:
        """Starts one program where it has to be; returns whether it had."""
        if state is None:
            proxy.reloadConfig()
            _tolerant(proxy.addProcessGroup, {Faults.ALREADY_ADDED}, name)
            return True
        if state == "BACKOFF":
            # Its pauses grow with every failure; whoever asks for it now must not wait for the longest.
            _tolerant(proxy.stopProcess, {Faults.NOT_RUNNING}, name)
        if state == "BACKOFF" or state in _ENDED:
            _tolerant(proxy.startProcess, {Faults.ALREADY_STARTED}, name, False)  # noqa: FBT003 - XML-RPC
            return True
        return False

    def remove(self, names: Iterable[str]) -> None:
        """Stops programs, the last one that was started first, and forgets them; an unknown one is no error."""
        gone = list(names)
        for name in gone:
            self._file(name).unlink(missing_ok=True)
        if self.running:
            with self._proxy() as proxy:
                order = {entry["name"]: entry["process_prio"] for entry in proxy.getAllConfigInfo()}
                for name in sorted(gone, key=lambda each: -order.get(each, 0)):
                    self._drop(proxy, name)
                proxy.reloadConfig()

    def state(self, name: str) -> Process | None:
        """One process, or None where the supervisor does not know it."""
        return next((process for process in self.processes() if process.name == name), None)

    def log(self, name: str) -> Path:
        """Where a process writes."""
        return self._environment.logs / f"{name}.log"

    def _file(self, name: str) -> Path:
        return self._environment.programs / f"{name}.conf"

    def _priority(self, name: str) -> int:
        """When a program starts, from its file: an API server that outlives its store would hang."""
        described = configparser.RawConfigParser()
        described.read(self._file(name))
        return described.getint(f"program:{name}", "priority", fallback=0)

    def _section(self, program: Program) -> str:
        line = " ".join(_quoted(word) for word in (*_ENDS_WITH_SUPERVISOR, *program.argv))
        settings = {
            "command": line,
            "priority": program.priority,
            "autorestart": "true",
            "startsecs": 1,
            "startretries": 1_000_000,
            "stopwaitsecs": 15,
            "stopasgroup": "true",
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": self.log(program.name),
            "stdout_logfile_maxbytes": _LOG_SIZE,
            "stdout_logfile_backups": 1,
        }
        body = "".join(f"{key}={value}\n" for key, value in settings.items())
        return f"[program:{program.name}]\n; revision {program.revision}\n{body}"

    def _drop(self, proxy: Any, name: str) -> None:
        _tolerant(proxy.stopProcess, {Faults.NOT_RUNNING, Faults.BAD_NAME}, name)
        _tolerant(proxy.removeProcessGroup, {Faults.BAD_NAME}, name)

    @contextlib.contextmanager
    def _proxy(self) -> Iterator[Any]:
        if not self.running:
            raise UnavailableError(
                f"environment {self._environment.name}: found no supervisor; expected it to run. "
                f"Run: atoll env {self._environment.name}"
            )
        transport = SupervisorTransport(None, None, f"unix://{self._environment.socket}")
        try:
            yield xmlrpc.client.ServerProxy("http://localhost", transport=transport).supervisor
        except (OSError, http.client.HTTPException, xmlrpc.client.Error) as error:
            raise UnavailableError(
                f"environment {self._environment.name}: found its supervisor at its end or in trouble ({error}); "
                f"expected an answer. Look into {self._environment.logs}/supervisord.log"
            ) from error
        finally:
            transport.close()


def _tolerant(call: Any, expected: set[int], *arguments: Any) -> None:
    """Calls, taking the expected faults as done already."""
    try:
        call(*arguments)
    except xmlrpc.client.Fault as fault:
        if fault.faultCode not in expected:
            raise


def _quoted(word: str) -> str:
    # supervisord reads its command as a shell would, after expanding percent signs.
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def _configuration(environment: Environment) -> str:
    return f"""[supervisord]
logfile={environment.logs}/supervisord.log
logfile_maxbytes={_LOG_SIZE}
logfile_backups=1
pidfile={environment.folder}/supervisord.pid
childlogdir={environment.logs}
directory={environment.folder}
umask=077
[unix_http_server]
file={environment.socket}
chmod=0700
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[include]
files = {environment.programs}/*.conf
"""


def _until(condition: Any, problem: str) -> None:
    end = time.monotonic() + _PATIENCE.total_seconds()
    while not condition():
        if time.monotonic() > end:
            raise NotReadyError(f"{problem} within {_PATIENCE.total_seconds():.0f} s")
        time.sleep(0.05)
