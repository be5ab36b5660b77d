"""Rotating the key that one local cluster encrypts its store with. Killed anywhere, the next call goes on.

The API server notices the file within a minute and goes on answering; started anew for it, it would refuse
connections for seconds, which is longer than a client waits that tries once more.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from atoll.cluster.local import at_rest, credentials, launch, store
from atoll.cluster.local.at_rest import Configuration, Step
from atoll.cluster.local.programs import ENCRYPTION, NOTICES_KEYS
from atoll.cluster.local.seat import Seat
from atoll.core import files
from atoll.core.errors import AtollError, NotReadyError, UnavailableError
from atoll.host import Environment, Supervisor
from atoll.kubernetes import Api, ApiError
from atoll.kubernetes.client import LOOK_SECONDS, MERGE

_NOTICED = timedelta(seconds=100)
"""An API server looks for a changed file each minute, and may be busy."""
_SILENCE = timedelta(seconds=20)
"""How long it may say nothing meanwhile: one that starts anew answers before that."""
_LOOK_PAUSE = 2.0
"""Seconds between two looks at an API server's metrics, which have megabytes."""
_REWRITTEN = timedelta(seconds=60)
"""How long not one object may be rewritten before that is given up: a server may come back within that."""
_PAUSE = 0.5
_ANSWER = 20.0
"""Seconds that an API server has for an answer: a write may wait for a webhook."""
_WRITERS = 8
_GONE = 404
Told = Callable[[str], None]


def names(environment: Environment) -> list[str]:
    """The clusters of this machine that encrypt their store."""
    return sorted(path.parents[1].name for path in environment.clusters.glob(f"*/pki/{ENCRYPTION}"))


def configuration(environment: Environment, name: str) -> Configuration:
    """The keys that a cluster's store is encrypted with.

    Raises:
        IntegrityError: they cannot be read.
    """
    return credentials.at_rest(environment.clusters / name / "pki")


def rotate(environment: Environment, name: str, number: int, told: Told) -> int:
    """Leads a cluster to the key of a number alone; returns how many objects were encrypted anew.

    Raises:
        UnavailableError: the cluster does not answer; what was begun stays begun.
        NotReadyError: its API server does not go by the new key, or does not rewrite an object.
    """
    seat, rewritten = launch.begun(environment, name), 0
    api = Api(credentials.admin(seat), read=_ANSWER)
    while (step := (found := configuration(environment, name)).next(number)) is not Step.NONE:
        if step is Step.BEGIN:
            _require_able(environment, seat, api)
            _write(seat, found.begun(credentials.fresh_key(number)))
            continue
        told(f"waiting for its API server to go by {found.current.name}, within a minute")
        _await_loaded(environment, seat, api)
        rewritten += _rewrite(seat, api, found, told)
        _write(seat, found.completed())
    return rewritten


def others(seat: Seat, found: Configuration) -> Iterator[tuple[str, str]]:
    """What in the store another key than the current one encrypted, or none did: (resource, name)."""
    for resource in found.resources:
        for name, value in store.values(seat.store, store.prefix(resource, seat.root)):
            if not found.current.encrypted(value):
                yield resource, name


def _require_able(environment: Environment, seat: Seat, api: Api) -> None:
    """Nothing is begun in a cluster that could not complete it."""
    described = Supervisor(environment).described(seat.process("kube-apiserver"))
    if described and NOTICES_KEYS not in described.argv:
        raise UnavailableError(
            f"cluster {seat.name}: found an API server that reads its keys only as it starts; expected one that notices "
            f"another. Run: atoll up {environment.name}"
        )
    if not api.healthy(timeout=LOOK_SECONDS):
        raise _silent(environment, seat)


def _silent(environment: Environment, seat: Seat) -> UnavailableError:
    return UnavailableError(
        f"cluster {seat.name}: found no answer of its API server; expected one. Look into: atoll status "
        f"{environment.name}, then run the same command again"
    )


def _write(seat: Seat, wanted: Configuration) -> None:
    """Whole or not at all, and whoever owned the file owns it still: its reader may be another user than this one."""
    path = Path(seat.pki(ENCRYPTION))
    owner = path.stat()
    with files.whole(path) as stream:
        os.fchown(stream.fileno(), owner.st_uid, owner.st_gid)
        stream.write(wanted.text().encode())


def _await_loaded(environment: Environment, seat: Seat, api: Api) -> None:
    file = Path(seat.pki(ENCRYPTION)).read_bytes()
    begun = answered = time.monotonic()
    while time.monotonic() - begun < _NOTICED.total_seconds():
        try:
            if at_rest.loaded(api.request("GET", "/metrics", timeout=LOOK_SECONDS)["text"], file):
                return
            answered = time.monotonic()
        except AtollError as error:
            if time.monotonic() - answered > _SILENCE.total_seconds():
                raise _silent(environment, seat) from error
        time.sleep(_LOOK_PAUSE)
    raise NotReadyError(
        f"cluster {seat.name}: found an API server that did not go by {seat.pki(ENCRYPTION)} within "
        f"{_NOTICED.total_seconds():.0f} s; expected it to. Look into: atoll logs {environment.name} "
        f"{seat.process('kube-apiserver')}"
    )


def _rewrite(seat: Seat, api: Api, found: Configuration, told: Told) -> int:
    """Encrypts anew what another key encrypted, until the store itself shows that nothing is left."""
    seen: set[tuple[str, str]] = set()
    fewest, end, problem = None, time.monotonic() + _REWRITTEN.total_seconds(), ""
    while True:
        try:
            left = list(others(seat, found))
            if not left:
                return len(seen)
            if fewest is None or len(left) < fewest:
                told(f"{len(left)} objects to encrypt by {found.current.name}")
                fewest, end = len(left), time.monotonic() + _REWRITTEN.total_seconds()
            seen.update(left)
            problem = _touched(api, left)
        except UnavailableError as error:
            problem = str(error)
        if time.monotonic() > end:
            raise UnavailableError(
                f"cluster {seat.name}: found objects that its API server does not write anew ({problem or left[0]}); "
                "expected none. Mend that, and run the same command again"
            )
        time.sleep(_PAUSE if problem else 0)


def _touched(api: Api, places: Iterable[tuple[str, str]]) -> str:
    """Lets the API server write objects as they are; returns what kept it from writing one.

    It does so where a stored form is not that of today. A change of nothing needs none of the content here.
    """
    roots = {resource: _root(api, resource) for resource in {resource for resource, _ in places}}

    def touch(place: tuple[str, str]) -> str:
        resource, name = place
        try:
            api.request("PATCH", roots[resource](name), {}, content_type=MERGE)
        except ApiError as error:
            return "" if error.code == _GONE else f"{resource} {name}: {error}"
        return ""

    with ThreadPoolExecutor(_WRITERS) as pool:
        # The first that nobody answers ends it: a frozen server is not asked for each.
        return next(filter(None, list(pool.map(touch, places))), "")


def _root(api: Api, resource: str) -> Callable[[str], str]:
    """Gives an object's path by its name in the store: `namespace/name`, or `name` where it is in none."""
    plural, _, group = resource.partition(".")
    root = f"/apis/{_version(api, plural, group)}" if group else "/api/v1"

    def path(name: str) -> str:
        namespace, _, own = name.rpartition("/")
        return f"{root}{f'/namespaces/{quote(namespace)}' if namespace else ''}/{plural}/{quote(own)}"

    return path


def _version(api: Api, plural: str, group: str) -> str:
    """The version of a group that serves a resource: not each version serves all of them."""
    for each in api.request("GET", f"/apis/{group}")["versions"]:
        version = str(each["groupVersion"])
        served = api.request("GET", f"/apis/{version}")["resources"]
        if plural in {resource["name"] for resource in served}:
            return version
    raise UnavailableError(f"{plural}.{group}: found no version that serves it; expected one")
