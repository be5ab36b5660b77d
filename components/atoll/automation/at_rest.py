"""Rotating the keys that encrypt the stores of an environment's local clusters."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from atoll.automation import processes
from atoll.automation.events import Message, Severity
from atoll.automation.show import Screen
from atoll.cluster.local import at_rest, rotating
from atoll.core.errors import ArgsError, AtollError, Exit, RefusedError
from atoll.host import Environment


@dataclass(frozen=True)
class Rotated:
    """One cluster: the key that encrypts its store, how many objects this run encrypted anew, what went wrong."""

    cluster: str
    key: str
    objects: int = 0
    error: str = ""
    exit: int = 0


@dataclass(frozen=True)
class Report:
    """How a rotation ended, cluster by cluster."""

    environment: str
    clusters: list[Rotated]

    @property
    def code(self) -> Exit:
        """The reason where there is one, else that something failed."""
        reasons = {Exit(each.exit) for each in self.clusters} - {Exit.DONE}
        return Exit.DONE if not reasons else reasons.pop() if len(reasons) == 1 else Exit.FAILED

    def values(self) -> dict[str, Any]:
        """The report for programs."""
        return asdict(self) | {"exit": int(self.code)}


def rotate(environment: Environment, chosen: Sequence[str], screen: Screen) -> Report:
    """Leads clusters to a new key each, all of one number; what a killed run had begun is completed first of all.

    Raises:
        ArgsError: a cluster is none of this machine.
        RefusedError: there is none at all.
    """
    with processes.known(environment).locked("secrets rotate-at-rest"):
        names = _names(environment, chosen)
        processes.start(environment, screen)
        found = {name: rotating.configuration(environment, name) for name in names}
        number = at_rest.target(found.values())
        with screen.beating("secrets rotate-at-rest"), ThreadPoolExecutor(len(names)) as pool:
            clusters = list(pool.map(partial(_rotated, environment, screen, number), names))
    for each in clusters:
        done = f"its store is encrypted by {each.key} alone; {each.objects} objects encrypted anew"
        if not each.error:
            screen.say(f"{each.cluster}: {done}")
    return Report(environment.name, clusters)


def _names(environment: Environment, chosen: Sequence[str]) -> list[str]:
    known = rotating.names(environment)
    if not known:
        raise RefusedError(
            f"environment {environment.name}: found no cluster of this machine; expected one (who runs a cluster "
            "elsewhere rotates its keys there)."
        )
    for name in chosen:
        if name not in known:
            raise ArgsError(f"cluster: found {name!r}; expected one of: {', '.join(known)}")
    return sorted(set(chosen)) or known


def _rotated(environment: Environment, screen: Screen, number: int, name: str) -> Rotated:
    """One cluster; what keeps it from being rotated is told and does not hold up the others."""
    problem, objects = None, 0
    try:
        objects = rotating.rotate(environment, name, number, lambda line: screen.say(f"{name}: {line}"))
    except AtollError as error:
        problem = error
        screen.listen(Message(Severity.ERROR, str(error), name))
    key = rotating.configuration(environment, name).current.name
    if problem is None:
        return Rotated(name, key, objects)
    return Rotated(name, key, objects, str(problem), int(problem.exit_code))
