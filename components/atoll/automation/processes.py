"""The local processes of an environment: bringing them back, ending them, looking at them."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil

from atoll.automation.show import Screen
from atoll.core.errors import ArgsError, Exit, UnavailableError
from atoll.host import Environment, Supervisor
from atoll.kubernetes import Api, Kubeconfig

_RUNNING, _STOPPED = "RUNNING", "STOPPED"
_LIMIT = timedelta(seconds=90)
_PAUSE = 0.2
_TAIL_BYTES = 20_000


@dataclass(frozen=True)
class Status:
    """One process: `uptime` in seconds, `memory` resident in bytes; both 0 where it does not run."""

    name: str
    state: str
    pid: int = 0
    uptime: int = 0
    memory: int = 0


def known(environment: Environment) -> Environment:
    """The environment, which must have been brought up once.

    Raises:
        UnavailableError: it never was.
    """
    if not environment.exists:
        raise UnavailableError(
            f"environment {environment.name}: found none; expected one that is up. Run: atoll up {environment.name}"
        )
    return environment


def start(environment: Environment, screen: Screen) -> None:
    """Starts what does not run, and waits until the clusters answer; one that stays silent is named."""
    supervisor = Supervisor(environment)
    if not supervisor.start():
        return
    screen.say(f"environment {environment.name}: supervisor started in {environment.folder}")
    apis = {path.parents[1].name: _api(path) for path in environment.clusters.glob("*/pki/admin.kubeconfig")}
    begin, waiting = time.monotonic(), sorted(apis)
    with screen.beating("waiting for the clusters"):
        while waiting or not _all_run(supervisor):
            if time.monotonic() - begin > _LIMIT.total_seconds():
                screen.say(
                    f"environment {environment.name}: no answer yet from {', '.join(waiting) or 'some'}"
                )
                return
            time.sleep(_PAUSE)
            waiting = _silent(apis, waiting)


def stop(environment: Environment, screen: Screen) -> None:
    """Ends every process of the environment; its data, keys and ports stay."""
    with known(environment).locked("stop"):
        Supervisor(environment).stop()
    screen.say(f"environment {environment.name}: stopped. Run: atoll start {environment.name}")


def status(environment: Environment, screen: Screen) -> tuple[Exit, list[Status]]:
    """Every process as it is now."""
    supervisor = Supervisor(known(environment))
    if supervisor.running:
        found = [_status(each.name, each.state, each.pid) for each in supervisor.processes()]
    else:
        found = [Status(path.stem, _STOPPED) for path in sorted(environment.programs.glob("*.conf"))]
    screen.table(
        ("process", "state", "pid", "uptime", "memory"),
        [(each.name, each.state, *_numbers(each)) for each in found],
    )
    return (Exit.DONE if all(each.state == _RUNNING for each in found) else Exit.UNAVAILABLE), found


def logs(environment: Environment, name: str | None, *, follow: bool) -> Iterator[str]:
    """The last lines of one process's log or of all, then, where `follow` says so, what comes.

    Raises:
        ArgsError: there is no such process.
    """
    paths = {path.stem: path for path in sorted(known(environment).logs.glob("*.log"))}
    if name and name not in paths:
        raise ArgsError(f"process: found {name!r}; expected one of: {', '.join(paths)}")
    chosen = {name: paths[name]} if name else paths
    places = {each: max(path.stat().st_size - _TAIL_BYTES, 0) for each, path in chosen.items()}
    while True:
        for each, path in chosen.items():
            prefix = "" if name else f"{each}: "
            lines, places[each] = _read(path, places[each])
            yield from (prefix + line for line in lines)
        if not follow:
            return
        time.sleep(_PAUSE)


def _read(path: Path, place: int) -> tuple[list[str], int]:
    """The whole lines of a log from a place on, and where they end; a log that was rotated begins anew."""
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(place if place <= size else 0)
        whole, newline, _ = stream.read().rpartition(b"\n")
        start = place if place <= size else 0
        return whole.decode(errors="replace").splitlines(), start + len(whole) + len(newline)


def _status(name: str, state: str, pid: int) -> Status:
    try:
        process = psutil.Process(pid) if pid else None
        if process is None:
            return Status(name, state)
        uptime = int(time.time() - process.create_time())
        return Status(name, state, pid, uptime, process.memory_info().rss)
    except psutil.NoSuchProcess:
        return Status(name, state)


def _numbers(found: Status) -> tuple[str, str, str]:
    if not found.pid:
        return "", "", ""
    return str(found.pid), str(timedelta(seconds=found.uptime)), f"{found.memory / 2**20:.0f} MiB"


def _all_run(supervisor: Supervisor) -> bool:
    return all(process.state == _RUNNING for process in supervisor.processes())


def _api(path: Path) -> Api:
    return Api(Kubeconfig.read(path.read_text()))


def _silent(apis: dict[str, Api], names: list[str]) -> list[str]:
    with ThreadPoolExecutor(max(len(names), 1)) as pool:
        answers = pool.map(lambda name: apis[name].healthy(), names)
        return [name for name, answer in zip(names, answers, strict=True) if not answer]
