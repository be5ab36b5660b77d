"""The local processes of an environment: bringing them back, ending them, looking at them."""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from atoll.automation.events import Message, Result, Severity
from atoll.automation.show import Screen
from atoll.cluster.local import launch
from atoll.core.errors import UnavailableError
from atoll.federation.local.programs import CONTROLLER_MANAGER
from atoll.host import Environment, Program, Supervisor, obstacles
from atoll.kubernetes import Api, Kubeconfig
from atoll.platform import CONTROL_PLANE
from atoll.provider import plugins

_RUNNING, _STOPPED = "RUNNING", "STOPPED"
_LIMIT = timedelta(seconds=90)
_PAUSE = 0.2
_ACCESS = "atoll:index:MemberAccess"
_PATIENCE = 8.0
"""Seconds within which a process may fail and come up at its second or third start."""


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


def refuse_downgrades(environment: Environment) -> None:
    """Refuses programs that cannot take over what others wrote in a cluster of this machine.

    Raises:
        RefusedError: nothing was stopped, nothing built.
    """
    launch.refuse(environment, environment.cluster_names)


def start(environment: Environment, screen: Screen, own: Iterable[Program] = ()) -> None:
    """Starts what does not run, and waits until the clusters answer; one that stays silent is named.

    The environment's `own` programs are made to run first, and not waited for.
    """
    supervisor = Supervisor(environment)
    started = supervisor.start()
    supervisor.ensure(own)
    if started:
        screen.say(f"environment {environment.name}: supervisor started in {environment.folder}")
    elif not supervisor.revive():
        return
    apis = {path.parents[1].name: _api(path) for path in environment.clusters.glob("*/pki/admin.kubeconfig")}
    begin, waiting = time.monotonic(), sorted(apis)
    with screen.beating("waiting for the clusters"):
        while waiting or not _all_run(supervisor):
            waited = time.monotonic() - begin
            found = obstacles.found(environment) if waited > _PATIENCE else {}
            for line in found.values():
                screen.listen(Message(Severity.WARNING, line))
            blocked = {name.partition(".")[0] for name in found}
            if (found and blocked.issuperset(waiting)) or waited > _LIMIT.total_seconds():
                screen.say(
                    f"environment {environment.name}: no answer yet from {', '.join(waiting) or 'some'}"
                )
                return
            time.sleep(_PAUSE)
            waiting = _silent(apis, waiting)


def take_up_tokens(environment: Environment, results: Iterable[Result], screen: Screen) -> None:
    """Restarts what carries objects to the members, where a run renewed their tokens.

    Karmada 1.18 watches a member with the token that it had at first, until it restarts.
    """
    renewed = sorted({r.place or r.name for r in results if r.type == _ACCESS and r.verb == "updated"})
    if renewed and Supervisor(environment).restart(f"{CONTROL_PLANE}.{CONTROLLER_MANAGER}"):
        screen.say(f"{CONTROLLER_MANAGER}: started anew for the renewed tokens of {', '.join(renewed)}")


def stop(environment: Environment, screen: Screen) -> None:
    """Ends every process of the environment; its data, keys and ports stay."""
    with known(environment).locked("stop"):
        Supervisor(environment).stop()
        plugins.release(environment.engine_home)
    screen.say(f"environment {environment.name}: stopped. Run: atoll start {environment.name}")


def _all_run(supervisor: Supervisor) -> bool:
    return all(process.state == _RUNNING for process in supervisor.processes() if "." in process.name)


def _api(path: Path) -> Api:
    return Api(Kubeconfig.read(path.read_text()))


def _silent(apis: dict[str, Api], names: list[str]) -> list[str]:
    with ThreadPoolExecutor(max(len(names), 1)) as pool:
        answers = pool.map(lambda name: apis[name].healthy(), names)
        return [name for name, answer in zip(names, answers, strict=True) if not answer]
