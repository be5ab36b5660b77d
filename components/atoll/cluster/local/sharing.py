"""Who has a part in the store that the lean clusters of an environment share.

It comes with the first of them and goes with the last. A file in a cluster's folder says that it has a part; it is
written before the store is begun and goes after the data, so that whoever is killed in between is taken up.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from atoll.cluster.local import lean, store
from atoll.cluster.local.seat import Seat
from atoll.core import files
from atoll.core.errors import RefusedError
from atoll.host import Environment, Ports, limits

PORTS = ("etcd", "etcd-peer")
"""The ports of the store."""
CLUSTER_PORTS = ("kube-apiserver",)
"""Those of a cluster that has a part in it."""
_MARK = "lean"
_KEPT_BACK, _CONNECTIONS = 150, 70
"""Files that etcd keeps back for itself (`host/limits.py`), and the connections of an API server: 60 were counted."""


def is_lean(environment: Environment, name: str) -> bool:
    """Whether a cluster of this machine was begun as a lean one."""
    return (environment.clusters / name / _MARK).exists()


def places(environment: Environment, name: str) -> list[str]:
    """The folders that a cluster's processes are in: its own and, of a lean one, that of the store."""
    return [name, lean.STORE] if is_lean(environment, name) else [name]


def members(environment: Environment) -> set[str]:
    """The clusters that have a part in the store."""
    return {path.parent.name for path in environment.clusters.glob(f"*/{_MARK}")}


def seat(environment: Environment) -> Seat:
    """Where the store is, as its clients need it."""
    reserved = Ports(environment)
    ports = {purpose: reserved.get(f"{lean.STORE}/{purpose}") for purpose in PORTS}
    return Seat(lean.STORE, environment.clusters / lean.STORE, ports, {})


@contextmanager
def changing(environment: Environment) -> Iterator[None]:
    """Lets nobody else join or leave meanwhile; where nobody has a part in the store, no trace of it stays."""
    lock = environment.folder / f"{lean.STORE}.lock"
    with files.locked(lock):
        try:
            yield
        finally:
            if not members(environment):
                lock.unlink(missing_ok=True)


def refuse_other(environment: Environment, name: str, *, is_lean_one: bool) -> None:
    """Refuses to make a cluster of one kind of what was begun as the other.

    Raises:
        RefusedError: the text says what to do.
    """
    was_lean = is_lean(environment, name)
    if was_lean != is_lean_one and (was_lean or (environment.clusters / name / "pki").exists()):
        found, expected = (
            ("one with nodes", "a lean one") if is_lean_one else ("a lean one", "one with nodes")
        )
        raise RefusedError(
            f"cluster {name}: found {found}, begun and never finished; expected {expected}. Take it out of the inventory, "
            f"then: atoll up {environment.name}"
        )


def join(environment: Environment, name: str) -> None:
    """Gives a cluster a part in the store.

    Raises:
        UnavailableError: the system lets no store have so many connections.
    """
    limits.require_open_files(_KEPT_BACK + _CONNECTIONS * len(members(environment) | {name}))
    files.write(files.folder(environment.clusters / name) / _MARK, "")


def leave(environment: Environment, name: str) -> None:
    """Removes what a cluster has in the store; it has no part in it any more.

    Raises:
        UnavailableError: the store does not answer, and others need it.
    """
    if not is_lean(environment, name):
        return
    # With the last one goes all of it.
    if members(environment) != {name}:
        store.remove(seat(environment), f"{lean.prefix(name)}/")
    (environment.clusters / name / _MARK).unlink()


def is_left_over(environment: Environment) -> bool:
    """Whether there is a store and nobody who has a part in it."""
    return (environment.clusters / lean.STORE).exists() and not members(environment)
