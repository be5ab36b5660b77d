"""Bringing the processes of one local cluster up, waiting for them, and removing them."""

import contextlib
import http
import http.client
import shutil
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from atoll import toolchain
from atoll.cluster.local import credentials
from atoll.cluster.local.seat import LOOPBACK, Seat
from atoll.core import files
from atoll.core.effect import Context
from atoll.core.errors import AtollError, NotReadyError
from atoll.core.x509 import Subject
from atoll.host import Environment, Ports, Program, Supervisor
from atoll.kubernetes import Api

API_LIMIT = timedelta(seconds=90)
"""An API server answers 6 s after its start on an idle machine; ten at once on two cores need far longer."""


def seat(environment: Environment, name: str, ports: Iterable[str], programs: Iterable[str]) -> Seat:
    """Takes (or takes up again) the place of a local cluster."""
    folder = files.folder(environment.clusters / name)
    reserved = Ports(environment)
    return Seat(
        name,
        folder,
        {purpose: reserved.get(f"{name}/{purpose}") for purpose in ports},
        toolchain.ensure(programs),
    )


def exists(environment: Environment, name: str) -> bool:
    """Whether a local cluster of this name was ever made here."""
    return (environment.clusters / name / "pki" / "ca.crt").exists()


def renewal(environment: Environment, name: str, subjects: Mapping[str, Subject]) -> str | None:
    """Why a local cluster's certificates are to be renewed, or None."""
    if not exists(environment, name):
        return None
    old = credentials.outdated(environment.clusters / name / "pki", subjects)
    return f"certificates near their end or missing: {', '.join(old)}" if old else None


def start(environment: Environment, programs: Iterable[Program], revision: str) -> list[str]:
    """Lets the supervisor run the programs; returns the names of those that it had to start.

    `revision` tells their certificates from older ones: where it changes, they are restarted.
    """
    return Supervisor(environment).ensure(replace(program, revision=revision) for program in programs)


def wait_until_ready(api: Api, name: str, context: Context) -> None:
    """Waits for an API server to say that it is ready.

    Raises:
        NotReadyError: it did not within its limit.
    """
    until(api.healthy, f"{name}: waiting for its API server", API_LIMIT, context)


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
    """Repeats a call that fails while a server still comes up."""
    problems: list[str] = []

    def succeeds() -> bool:
        try:
            call()
        except AtollError as error:
            problems[:] = [str(error)]
            return False
        return True

    try:
        until(succeeds, what, limit, context)
    except NotReadyError as error:
        raise NotReadyError(f"{error}; last: {problems[-1] if problems else 'nothing'}") from error


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
    """Stops a local cluster and removes all that it kept: processes, data, keys, logs, ports."""
    supervisor = Supervisor(environment)
    names = [path.stem for path in environment.programs.glob(f"{name}.*.conf")]
    supervisor.remove(names)
    for path in environment.logs.glob(f"{name}.*"):
        path.unlink(missing_ok=True)
    # Not tolerant: what stays behind would be taken up as a cluster that exists.
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(environment.clusters / name)
    Ports(environment).release(f"{name}/")
