"""Bringing a registry of this machine up, asking it, and removing it."""

import contextlib
import hashlib
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from atoll import toolchain
from atoll.core import files
from atoll.core.effect import Context
from atoll.core.errors import IntegrityError, NotReadyError, UnavailableError
from atoll.host import Environment, Ports, Program, Supervisor, certificates, obstacles, ownership
from atoll.registry.client import Client
from atoll.registry.local import users
from atoll.registry.local.seat import PROGRAM, Seat
from atoll.registry.logins import Login

FOLDER, PKI = "registries", "pki"
_REMOVED = ".removed."
"""How the name of a registry's folder begins while it is being removed."""
_LIMIT = timedelta(seconds=30)
"""It answers within a second; a machine that is busy with ten API servers needs longer."""
_PATIENCE = 5.0
"""Seconds within which it may fail and come up at its second or third start, as one whose port is just let go."""
_KEY_BYTES = 32


def seat(environment: Environment, name: str) -> Seat:
    """Takes (or takes up again) the place of a registry."""
    (program,) = toolchain.ensure([PROGRAM]).values()
    return Seat(
        name,
        environment.folder / FOLDER / name,
        environment.folder / PKI,
        Ports(environment).get(_purpose(name)),
        program,
        toolchain.version(PROGRAM),
    )


def names(environment: Environment) -> list[str]:
    """The registries that were begun here, sorted."""
    return sorted(path.name for path in (environment.folder / FOLDER).glob("[!.]*"))


def claim(environment: Environment, name: str, owner: str) -> None:
    """Makes the place of a registry a stack's (`project/stack`), before anything is put there.

    Raises:
        RefusedError: it is another's.
    """
    ownership.claim(environment.folder / FOLDER / name, f"registry {name}", owner)


def owner(environment: Environment, name: str) -> str:
    """Whose a registry is; empty where that is not known."""
    return ownership.of(environment.folder / FOLDER / name)


def exists(environment: Environment, name: str) -> bool:
    """Whether a registry of this name was ever begun here."""
    return (environment.folder / FOLDER / name).is_dir()


def write(environment: Environment, place: Seat, wanted: Sequence[str]) -> None:
    """Brings what it reads to disk: certificates, logins and their hashes, settings. What is there and fits stays."""
    now = datetime.now(UTC)
    for folder in (place.folder, place.storage, place.pki):
        files.folder(folder)
    with files.locked(environment.folder / f"{PKI}.lock"):
        issuer = certificates.authority(place.pki, f"atoll-{environment.name}-ca", now)
        if place.process in certificates.outdated(place.pki, {place.process: place.subject}, now):
            certificates.leaf(place.pki, place.process, place.subject, issuer, now)
    logins = users.passwords(passwords(place), wanted)
    # The passwords first: a hash of which nobody knows the password would let nobody in.
    files.write_json(place.logins, logins)
    files.write(place.hashes, users.hashed(hashes(place), logins))
    if not _read(place.uploads):
        files.write(place.uploads, secrets.token_urlsafe(_KEY_BYTES))
    files.write(place.settings, place.text(_read(place.uploads)))


def program(place: Seat) -> Program:
    """What the supervisor is to run: another certificate or other settings are another revision of it."""
    read = (place.settings, place.pki / f"{place.process}.crt", place.pki / f"{place.process}.key")
    return place.described(hashlib.sha256("\0".join(map(_read, read)).encode()).hexdigest()[:12])


def stale(environment: Environment, place: Seat, wanted: Sequence[str]) -> str | None:
    """Why it is not what it should be though nobody asked for a change, or None."""
    supervisor, described = Supervisor(environment), program(place)
    old = certificates.outdated(place.pki, {place.process: place.subject})
    told = [f"certificates near their end or missing: {', '.join(old)}"] if old else []
    if users.fitting(hashes(place), passwords(place)) != sorted(wanted):
        told.append("logins that changed")
    if _read(place.settings) != place.text(_read(place.uploads)) or not _read(place.uploads):
        told.append("settings that changed")
    if supervisor.differing([described]):
        found = supervisor.described(place.process)
        moved = found and found.version != place.version
        told.append(
            f"{PROGRAM} {found.version} to {place.version}" if found and moved else "what it reads changed"
        )
    elif supervisor.ended([described]):
        told.append("its process ended")
    return "; ".join(told) or None


def start(environment: Environment, place: Seat, context: Context) -> None:
    """Lets the supervisor run it, and waits until it lets every user in.

    Raises:
        NotReadyError: it did not within its limit, or what it needs cannot be had.
    """
    Supervisor(environment).ensure([program(place)])
    begin, waiting = time.monotonic(), list(logins(place))
    while waiting:
        waiting = [login for login in waiting if not Client(login).lets_in()]
        waited = time.monotonic() - begin
        line = obstacles.found(environment).get(place.process) if waiting and waited > _PATIENCE else None
        if line or (waiting and (waited > _LIMIT.total_seconds() or context.cancelled.is_set())):
            raise NotReadyError(
                f"registry {place.name}: "
                + (
                    line
                    or f"found no answer to {waiting[0].user} after {waited:.0f} s; expected one within "
                    f"{_LIMIT.total_seconds():.0f} s. Look into: atoll logs {environment.name} {place.process}"
                )
            )
        if waiting:
            context.report(f"{place.name}: waiting for its registry ({waited:.0f} s)")
            context.cancelled.wait(0.05)


def passwords(place: Seat) -> dict[str, str]:
    """The passwords by user.

    Raises:
        IntegrityError: the file cannot be read.
    """
    try:
        found: dict[str, str] = files.read_json(place.logins, {})
    except ValueError as error:
        raise IntegrityError(
            f"{place.logins}: found no logins in it ({error}); expected those of registry {place.name}. Remove the "
            "file, and the next up makes new ones."
        ) from error
    return found


def logins(place: Seat) -> Iterator[Login]:
    """How each user logs in, by name."""
    authority = _read(place.pki / f"{certificates.AUTHORITY}.crt")
    for user, password in passwords(place).items():
        yield Login(place.address, user, password, authority)


def login(environment: Environment, name: str, user: str | None = None) -> Login:
    """How a user of a registry logs in, the first one unless named: all have the same rights.

    Raises:
        UnavailableError: there is no such registry here, or no such user of it.
    """
    found = list(logins(seat(environment, name))) if exists(environment, name) else []
    if not found:
        raise UnavailableError(
            f"registry {name}: found none on this machine; expected one that is up. Run: atoll up {environment.name}"
        )
    chosen = next((each for each in found if user in (None, each.user)), None)
    if chosen is None:
        known = ", ".join(each.user for each in found)
        raise UnavailableError(f"registry {name}: found no user {user}; expected one of: {known}")
    return chosen


def hash_of(environment: Environment, name: str, user: str) -> str:
    """What a registry compares a user's password with."""
    return users.lines(hashes(seat(environment, name))).get(user, "")


def secret(environment: Environment, name: str) -> dict[str, str]:
    """What is secret of a registry, by what it is."""
    place = seat(environment, name)
    found = {f"password of {user}": password for user, password in passwords(place).items()}
    return found | {"key of uploads": _read(place.uploads)}


def hashes(place: Seat) -> str:
    """The lines of users that it compares with."""
    return _read(place.hashes)


def authority_ends(place: Seat) -> bool:
    """Whether bringing it up to date gives the environment's authority another certificate."""
    return certificates.AUTHORITY in certificates.outdated(place.pki, {})


def authority(environment: Environment) -> str:
    """Whom to trust for the certificates of an environment's registries, PEM."""
    return _read(environment.folder / PKI / f"{certificates.AUTHORITY}.crt")


def stored(storage: Path, repository: str = "") -> list[tuple[str, str]]:
    """The manifests that a registry holds, or one repository of it: repository and digest each, sorted.

    Source: the paths of distribution's registry/storage/paths.go. The API lists those alone that have a tag.
    """
    root = storage / "docker" / "registry" / "v2" / "repositories"
    found = root.glob(f"{repository or '**'}/_manifests/revisions/*/*/link")
    return sorted(
        (str(path.relative_to(root)).partition("/_manifests/")[0], f"{path.parts[-3]}:{path.parts[-2]}")
        for path in found
    )


def remove(environment: Environment, place: Seat) -> None:
    """Stops it and removes all that it kept: process, images, logins, certificate, port."""
    Supervisor(environment).remove([place.process])
    for path in environment.logs.glob(f"{place.process}.log*"):
        path.unlink(missing_ok=True)
    # It goes from its place whole, since half of a registry would look like one.
    removed = place.folder.with_name(f"{_REMOVED}{place.name}")
    with contextlib.suppress(FileNotFoundError):
        # What a removal that was killed left.
        shutil.rmtree(removed)
    with contextlib.suppress(FileNotFoundError):
        place.folder.rename(removed)
        shutil.rmtree(removed)
    for end in ("crt", "key"):
        (place.pki / f"{place.process}.{end}").unlink(missing_ok=True)
    Ports(environment).release(f"{place.process}/")


def _purpose(name: str) -> str:
    # Ports are given back by what their purposes begin with.
    return f"{PROGRAM}-{name}/https"


def _read(path: Path) -> str:
    """A file's text; nothing where there is none yet."""
    return path.read_text(errors="replace") if path.is_file() else ""
