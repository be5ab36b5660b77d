"""What lives of an environment, found by what the kernel says of each process and never by a name alone.

Proof is what only a process of the environment can have: the supervisor's own arguments, the supervisor's address
in the variables that it gives to its children, the environment's folder in those of an engine or a plugin. A shell
inside the folder, an editor or a `tail` of a log has none of them.
"""

import contextlib
import os
import re
from collections.abc import Callable, Iterable
from datetime import timedelta

import psutil

from atoll.host.environment import VARIABLE, Environment

_ENGINE = ("pulumi", "atoll.provider")
"""What the words of an engine, of its language host and of a plugin's launcher begin with, folders left out."""
_SUPERVISED = "SUPERVISOR_SERVER_URL"
_PATIENCE = timedelta(seconds=20)
_ADDRESS = re.compile(r"127\.0\.0\.1:\d+")
"""The engine's address, which it gives to all that it starts; what somebody else started has none."""


def supervisors(environment: Environment) -> list[psutil.Process]:
    """The supervisors that were started for it, whether they answer or not."""
    words = arguments(environment)

    def is_one(process: psutil.Process) -> bool:
        return process.cmdline()[-len(words) :] == words

    return _found(is_one)


def supervised(environment: Environment) -> list[psutil.Process]:
    """What its supervisors started, and what that started in turn, also where the supervisor is gone."""
    address = f"unix://{environment.socket}"
    return _found(lambda process: process.environ().get(_SUPERVISED) == address)


def engines(environment: Environment) -> list[psutil.Process]:
    """The engines, language hosts and plugins that work for it."""
    folder = str(environment.folder)

    def is_one(process: psutil.Process) -> bool:
        variables = process.environ()
        # What a supervisor runs of them is its own, and ends with it.
        return (
            variables.get(VARIABLE) == folder
            and _SUPERVISED not in variables
            and any(
                os.path.basename(word).startswith(_ENGINE)  # noqa: PTH119 - words, most of which are no paths
                for word in process.cmdline()
            )
        )

    return _found(is_one)


def orphans(environment: Environment) -> list[psutil.Process]:
    """What engines started for it and left behind when they died.

    The language host asks only every five minutes whether its engine lives, and a plugin that is at work ends what it
    does first.
    """
    return [process for process in engines(environment) if _is_left(process)]


def arguments(environment: Environment) -> list[str]:
    """The last words of a supervisor's command line."""
    return ["-m", "supervisor.supervisord", "-c", str(environment.folder / "supervisord.conf")]


def end(processes: Iterable[psutil.Process], patience: timedelta = _PATIENCE) -> list[str]:
    """Ends processes, also frozen ones, and waits for them; returns what they were, `<name> (pid <n>)`."""
    alive = list(processes)
    told = [f"{name} (pid {process.pid})" for process in alive if (name := _name(process))]
    # A signal between a process's fork and its exec is lost: whoever stays is asked again, then not asked any more.
    for ask in (psutil.Process.terminate, psutil.Process.terminate, psutil.Process.kill):
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                # A frozen process takes no TERM. Its death is what is wanted.
                (psutil.Process.kill if process.status() == psutil.STATUS_STOPPED else ask)(process)
        _, alive = psutil.wait_procs(alive, timeout=patience.total_seconds())
        if not alive:
            break
    return told


def _found(is_one: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    found, owner = [], os.getuid()
    for process in psutil.process_iter():
        # One that ended in between, or another user's, is none.
        with contextlib.suppress(psutil.Error, OSError):
            if process.uids().real == owner and process.pid != os.getpid() and is_one(process):
                found.append(process)
    return found


def _is_left(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(map(_ADDRESS.fullmatch, process.cmdline())) and not any(
            above.name() == _ENGINE[0] for above in process.parents()
        )
    return False


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return ""
