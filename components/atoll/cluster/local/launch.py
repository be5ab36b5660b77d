"""Bringing the processes of one local cluster up, waiting for them, and removing them."""

import contextlib
import hashlib
import http
import http.client
import shutil
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from atoll import toolchain
from atoll.cluster.local import credentials, lean, sharing, upgrades
from atoll.cluster.local import programs as programs_of
from atoll.cluster.local.seat import LOOPBACK, PORTS, Seat
from atoll.core import files
from atoll.core.effect import Context
from atoll.core.errors import AtollError, NotReadyError, RefusedError
from atoll.core.x509 import Subject
from atoll.host import Environment, Ports, Program, Supervisor, certificates, obstacles, ownership
from atoll.kubernetes import Api, ApiError

API_LIMIT = timedelta(seconds=90)
"""An API server answers 6 s after its start on an idle machine; ten at once on two cores need far longer."""

_FINAL = frozenset({400, 405, 406, 413, 415, 422})
"""Answers that speak of the request itself."""
_DOUBTED = frozenset({401, 403})
_DOUBT = 10.0
"""Seconds for which who asks may be a stranger: a server that comes up learns its roles after it begins to answer."""
_REMOVED = "removed."
"""How the name of a cluster's folder begins while it is being removed."""
_OBSTACLE_PATIENCE = 8.0
"""Seconds within which a process may fail and come up at its second or third start, as one whose port is just let go."""


def seat(environment: Environment, name: str, ports: Iterable[str], programs: Iterable[str]) -> Seat:
    """Takes (or takes up again) the place of a local cluster."""
    folder = files.folder(environment.clusters / name)
    reserved = Ports(environment)
    return Seat(
        name,
        folder,
        {purpose: reserved.get(f"{name}/{purpose}") for purpose in ports},
        toolchain.ensure(programs),
        sharing.seat(environment) if sharing.is_lean(environment, name) else None,
    )


def begun(environment: Environment, name: str) -> Seat:
    """The place of a cluster that was begun, for who looks into its store or asks its API server."""
    ports = sharing.CLUSTER_PORTS if sharing.is_lean(environment, name) else PORTS
    return seat(environment, name, ports, ())


def claim(environment: Environment, name: str, owner: str) -> None:
    """Makes the place of a local cluster a stack's (`project/stack`), before anything is put there.

    Raises:
        RefusedError: it is another's.
    """
    ownership.claim(environment.clusters / name, f"cluster {name}", owner)


def owner(environment: Environment, name: str) -> str:
    """Whose a local cluster is; empty where that is not known."""
    return ownership.of(environment.clusters / name)


def exists(environment: Environment, name: str) -> bool:
    """Whether a local cluster of this name was ever begun here."""
    return (environment.clusters / name).is_dir()


def names(environment: Environment) -> set[str]:
    """The local clusters that anything is left of: a folder, a half-removed one, programs; a store that nobody needs."""
    folders = {*environment.cluster_names}
    removed = {path.name.removeprefix(_REMOVED) for path in environment.folder.glob(f"{_REMOVED}*")}
    # A program without a dot in its name is the environment's own.
    found = (
        folders | removed | {path.name.partition(".")[0] for path in environment.programs.glob("*.*.conf")}
    )
    return found - ({lean.STORE} if sharing.members(environment) else set())


@dataclass(frozen=True)
class Local:
    """One local cluster as it should be, or a store. `files` are contents by name in its folder, `encrypted` resources.

    A store has no API server that would encrypt any.
    """

    seat: Seat
    subjects: Mapping[str, Subject]
    encrypted: tuple[str, ...]
    programs: tuple[Program, ...]
    files: Mapping[str, str] = field(default_factory=dict)

    def write(self) -> None:
        """Brings what its programs read to disk: certificates, keys, files."""
        if self.encrypted:
            credentials.ensure(self.seat, self.subjects, self.encrypted)
        else:
            credentials.ensure_store(self.seat, self.subjects)
        for name, content in self.files.items():
            files.write(self.seat.folder / name, content)

    def described(self, programs: Iterable[Program]) -> list[Program]:
        """Programs of it with what tells them from those that run: versions, and what they read at their start."""
        late = self.seat.folder / "pki" / credentials.LATE
        return [
            replace(
                program,
                version=toolchain.version(program.name.removeprefix(f"{self.seat.name}.")),
                revision=_digest([*map(Path, programs_of.read_once(program)), late]),
            )
            for program in programs
        ]


def stale(environment: Environment, local: Local) -> str | None:
    """Why a local cluster's processes are not what they should be though nobody asked for a change, or None.

    Raises:
        RefusedError: other programs were chosen that cannot take over.
    """
    pki = local.seat.folder / "pki"
    if not (pki / "ca.crt").exists():
        return None
    refuse(environment, [local.seat.name])
    supervisor = Supervisor(environment)
    old = certificates.outdated(pki, local.subjects)
    wanted = local.described(local.programs)
    moved = supervisor.differing(wanted)
    # A removal that was killed half-way leaves programs that are described and that nobody runs.
    ended = [program.name for program in supervisor.ended(wanted) if program not in moved]
    told = [f"certificates near their end or missing: {', '.join(old)}"] if old else []
    told += (
        [f"programs that changed: {', '.join(_move(supervisor, each) for each in moved)}"] if moved else []
    )
    told += [f"processes that ended: {', '.join(ended)}"] if ended else []
    other = [name for name, text in local.files.items() if _read(local.seat.folder / name) != text]
    if local.encrypted and not credentials.encrypts(pki, local.encrypted):
        other.append(programs_of.ENCRYPTION)
    told += [f"files that changed: {', '.join(other)}"] if other else []
    return "; ".join(told) or None


def access_changes(local: Local) -> bool:
    """Whether bringing a stale cluster up to date gives its owner another kubeconfig."""
    old = certificates.outdated(local.seat.folder / "pki", local.subjects)
    return bool({credentials.ADMIN, certificates.AUTHORITY} & set(old))


def refuse(environment: Environment, names: Iterable[str]) -> None:
    """Refuses programs that cannot take over what others wrote in these clusters, before anything is stopped.

    Raises:
        RefusedError: the text says which, where, and the way out.
    """
    found = {name: versions(environment, name) for name in names}
    known = {program for each in found.values() for program in each} & toolchain.table().programs.keys()
    wanted = {program: toolchain.version(program) for program in known}
    if reasons := upgrades.refusals(found, wanted):
        raise RefusedError("\n".join(reasons))


def versions(environment: Environment, name: str) -> dict[str, str]:
    """The version of each program that a local cluster was last started with."""
    supervisor, prefix = Supervisor(environment), f"{name}."
    names = [path.stem for path in environment.programs.glob(f"{prefix}*.conf")]
    known = {name.removeprefix(prefix): supervisor.version(name) for name in names}
    return {name: version for name, version in known.items() if version is not None}


def start(environment: Environment, local: Local, programs: Iterable[Program]) -> list[str]:
    """Lets the supervisor run programs of a cluster; returns the names of those that it had to start."""
    return Supervisor(environment).ensure(local.described(programs))


def wait_until_ready(api: Api, name: str, context: Context, limit: timedelta = API_LIMIT) -> None:
    """Waits for an API server to say that it is ready.

    Raises:
        NotReadyError: it did not within its limit, or what it needs cannot run.
    """
    environment, begin = Environment.current(), time.monotonic()

    def healthy() -> bool:
        if api.healthy():
            return True
        if time.monotonic() - begin > _OBSTACLE_PATIENCE:
            for place in sharing.places(environment, name):
                for line in obstacles.of_cluster(environment, place):
                    raise NotReadyError(f"{name}: {line}")
        return False

    until(healthy, f"{name}: waiting for its API server", limit, context)


def until(condition: Callable[[], bool], what: str, limit: timedelta, context: Context) -> None:
    """Polls until a condition holds; says what it waits for.

    Raises:
        NotReadyError: it did not hold within the limit.
    """
    begin, pause = time.monotonic(), 0.05
    while not condition():
        waited = time.monotonic() - begin
        if waited > limit.total_seconds() or context.cancelled.is_set():
            raise NotReadyError(
                f"{what}: found no end after {waited:.0f} s; expected one within {limit.total_seconds():.0f} s"
            )
        context.report(f"{what} ({waited:.0f} s)")
        context.cancelled.wait(pause)
        pause = min(pause * 1.5, 1)


def patiently(call: Callable[[], object], what: str, limit: timedelta, context: Context) -> None:
    """Repeats a call that fails while a server still comes up.

    Raises:
        NotReadyError: it failed to the end of the limit, or in a way in which it always will.
    """
    problems: list[str] = []
    begin = time.monotonic()

    def succeeds() -> bool:
        try:
            call()
        except AtollError as error:
            problems[:] = [str(error)]
            if _is_final(error, time.monotonic() - begin):
                raise NotReadyError(f"{what}: found a refusal that no waiting mends: {error}") from error
            return False
        return True

    try:
        until(succeeds, what, limit, context)
    except NotReadyError as error:
        if isinstance(error.__cause__, AtollError):
            raise
        raise NotReadyError(f"{error}; last: {problems[-1] if problems else 'nothing'}") from error


def _is_final(error: AtollError, waited: float) -> bool:
    """Whether a server will refuse a request however often it is made; a missing kind or namespace may still come."""
    if not isinstance(error, ApiError):
        return False
    return error.code in _FINAL or (error.code in _DOUBTED and waited > _DOUBT)


def answers(port: int, path: str, authority: Path | None = None) -> bool:
    """Whether a process says at its probe that it is healthy: TLS under `authority`, else plain, on loopback."""
    if authority:
        trust = ssl.create_default_context(cafile=authority)
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            LOOPBACK, port, timeout=2, context=trust
        )
    else:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def remove(environment: Environment, name: str) -> None:
    """Stops a local cluster and removes all that it kept: processes, data, keys, logs, ports.

    With the last one that has a part in the shared store goes that store.

    Raises:
        UnavailableError: the cluster has data in a store that does not answer.
    """
    _end(environment, name)
    with sharing.changing(environment):
        sharing.leave(environment, name)
        if sharing.is_left_over(environment) and name != lean.STORE:
            _end(environment, lean.STORE)
            _clear(environment, lean.STORE)
    _clear(environment, name)


def _end(environment: Environment, name: str) -> None:
    supervisor = Supervisor(environment)
    supervisor.remove([path.stem for path in environment.programs.glob(f"{name}.*.conf")])


def _clear(environment: Environment, name: str) -> None:
    for path in environment.logs.glob(f"{name}.*"):
        path.unlink(missing_ok=True)
    # Not tolerant: what stays behind would be taken up as a cluster that exists. It goes from its place whole, since
    # half of a cluster would look like one.
    removed = environment.folder / f"{_REMOVED}{name}"
    with contextlib.suppress(FileNotFoundError):
        # What a removal that was killed left.
        shutil.rmtree(removed)
    with contextlib.suppress(FileNotFoundError):
        (environment.clusters / name).rename(removed)
        shutil.rmtree(removed)
    Ports(environment).release(f"{name}/")


def _digest(paths: Iterable[Path]) -> str:
    return hashlib.sha256("\0".join(_read(path) for path in paths).encode()).hexdigest()[:12]


def _read(path: Path) -> str:
    """A file's text; nothing where it is a folder, or there is none yet."""
    return path.read_text(errors="replace") if path.is_file() else ""


def _move(supervisor: Supervisor, wanted: Program) -> str:
    """A process that changes, with the versions where those differ: `etcd 3.6.14 to 3.6.15`."""
    found = supervisor.described(wanted.name)
    name = wanted.name.partition(".")[2]
    if found is None or found.version == wanted.version:
        return name
    return f"{name} {found.version or 'of an unknown version'} to {wanted.version}"
