"""What keeps a supervised process from running: a port that another program took, a disk that takes no more."""

import contextlib
import re
from pathlib import Path

import psutil

from atoll.host import limits
from atoll.host.environment import Environment
from atoll.host.supervisor import Supervisor

_STUCK = {"BACKOFF", "FATAL"}
_TAIL_BYTES = 16_000
_PORT = re.compile(r":(\d+): bind: address already in use")
_TOO_MANY = "too many open files"
_LACKING = re.compile(rf"no space left on device|disk quota exceeded|read-only file system|{_TOO_MANY}")


def found(environment: Environment) -> dict[str, str]:
    """A line for each process that cannot run until somebody mends something.

    Most that end early only wait for a server that is not up yet: those are none.
    """
    supervisor = Supervisor(environment)
    stuck = [process.name for process in supervisor.processes() if process.state in _STUCK]
    lines = {name: _line(environment, name, supervisor.log(name)) for name in stuck}
    return {name: line for name, line in lines.items() if line}


def of_cluster(environment: Environment, cluster: str) -> list[str]:
    """The lines of one cluster's processes."""
    return [line for name, line in found(environment).items() if name.startswith(f"{cluster}.")]


def _line(environment: Environment, process: str, log: Path) -> str | None:
    words = _last_words(log)
    reasons = sorted(
        [*_PORT.finditer(words), *_LACKING.finditer(words)], key=lambda reason: reason.start(), reverse=True
    )
    if not reasons:
        return None
    last, name = reasons[0], environment.name
    if last[0] == _TOO_MANY and (lacking := limits.lacking_watchers()):
        return f"{process}: {lacking}"
    if last.re is _LACKING:
        return (
            f"{environment.folder}: found {last[0]}; expected {process} to write there. Mend that, and run the same "
            "command again"
        )
    return (
        f"port {last[1]}: found it taken by {holder(int(last[1]))}; expected it free for {process}. End that program, "
        f"or leave it the port: atoll down {name} && atoll up {name}"
    )


def holder(port: int) -> str:
    """Who listens at a port; of another user's program root alone is told."""
    for connection in psutil.net_connections(kind="tcp"):
        is_it = connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN
        if is_it and connection.pid:
            with contextlib.suppress(psutil.NoSuchProcess):
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return "another program"


def _last_words(log: Path) -> str:
    """The end of a log."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(stream.seek(0, 2) - _TAIL_BYTES, 0))
            return stream.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
