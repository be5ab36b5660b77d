"""The `atoll lock` commands: one view over the two locks of an environment, its own and the engine's on its stack."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import typer

from atoll.automation import locks, words
from atoll.automation.locks import Life, Lock
from atoll.automation.show import Screen
from atoll.automation.words import AsJson, EnvironmentName
from atoll.core.errors import Exit, LockedError, RefusedError
from atoll.host import Environment
from atoll.platform import load

app = typer.Typer(help="Who is at work on an environment.", no_args_is_help=True, rich_markup_mode=None)
_ENVIRONMENT, _STATE = "environment", "state"


@dataclass(frozen=True)
class Holding:
    """One lock that is held: which (`environment` or `state`), by what, and what is known of the holder.

    `since` is ISO 8601; `place` is where the lock lies.
    """

    lock: str
    by: str
    pid: int
    user: str
    host: str
    since: str
    life: Life
    why: str
    place: str

    def __str__(self) -> str:
        who = f"pid {self.pid or '?'} of {self.user or '?'} on {self.host or '?'}"
        return f"{self.lock}: held by {self.by} ({who}, since {self.since or '?'}): {self.life}, {self.why}"


@app.command()
def show(env: EnvironmentName, *, as_json: AsJson = False) -> None:
    """Say who holds an environment and its state, since when and from where."""
    found = holdings(words.environment(env))
    if as_json:
        words.finish({"environment": env, "locks": [asdict(each) for each in found]}, Exit.DONE)
    for each in found:
        words.say(each)
    if not found:
        words.say(f"environment {env}: nobody holds it")


@app.command("break")
def break_(env: EnvironmentName, *, as_json: AsJson = False) -> None:
    """Break the locks of engines that are provably dead, and no others.

    Exit code 7: somebody is at work. Exit code 3: of a holder nothing can be known from here.
    """
    broken = break_stale(words.environment(env), Screen(quiet=as_json))
    words.finish({"environment": env, "broken": broken} if as_json else None, Exit.DONE)


def holdings(environment: Environment) -> list[Holding]:
    """Who holds an environment now: at most one command, and whoever has a lock on its stack."""
    return [*_of_environment(environment), *map(_of_state, _locks(environment))]


def break_stale(environment: Environment, screen: Screen) -> list[str]:
    """Breaks the locks of engines that are provably dead; returns where they lay.

    Raises:
        LockedError: somebody is at work; nothing was broken.
        RefusedError: nothing can be known of a holder; nothing was broken.
    """
    where = f"environment {environment.name}"
    for holding in _of_environment(environment):
        raise LockedError(f"{where}: found {holding.by}, which lives; expected nobody. Wait, or stop it.")
    found = _locks(environment)
    if not found:
        screen.say(f"{where}: nobody holds it")
        return []
    # A command that begins now would take up the same: it waits until this has ended.
    with environment.locked("lock break"):
        for lock in found:
            _refuse_living(where, lock)
        for lock in found:
            lock.remove()
            screen.say(f"{where}: removed the lock of {lock}: {lock.life()[1]}")
    return [lock.place for lock in found]


def _refuse_living(where: str, lock: Lock) -> None:
    life, why = lock.life()
    if life is Life.ALIVE:
        raise LockedError(f"{where}: found {lock}, which lives; expected one that is dead. Wait, or stop it.")
    if life is Life.UNKNOWN:
        raise RefusedError(
            f"{where}: found {lock}; expected one that is provably dead ({why}). Look there; where that machine is "
            f'gone for good: eval "$(atoll env {where.rpartition(" ")[2]})" && pulumi cancel'
        )


def _of_environment(environment: Environment) -> Iterator[Holding]:
    if holder := environment.holder():
        yield Holding(
            _ENVIRONMENT,
            f"`atoll {holder.purpose or '?'}`",
            holder.pid,
            holder.user,
            holder.host,
            holder.since,
            Life.ALIVE,
            "the kernel drops this lock with its holder",
            str(environment.folder / "lock"),
        )


def _of_state(lock: Lock) -> Holding:
    return Holding(_STATE, "pulumi", lock.pid, lock.user, lock.host, lock.since, *lock.life(), lock.place)


def _locks(environment: Environment) -> list[Lock]:
    inventory = load(environment.project / "stacks", environment.name)
    return list(locks.of(environment, inventory.state)())
