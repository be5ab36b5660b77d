"""Whether a secret of an environment lies in plain where others could read it.

Its own file is where a key has to be; anywhere else it is found as it is, and in base64 at each of the three shifts.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psutil
import yaml

from atoll.core.errors import AtollError
from atoll.host import Environment, remains
from atoll.kubernetes import Kubeconfig
from atoll.registry.local import launch as registries
from atoll.registry.local.seat import SECRETS, STORAGE
from atoll.secrets.local import keeping, seat

LENGTH = 24
"""Characters of a secret that are searched for: enough to be its own, few enough to survive a line break."""
SHORTEST = 12
"""A secret of fewer characters would be found in what has nothing to do with it."""
_RSA_LINES, _EC_LINE = 8, 1
"""The line of an RSA key in PKCS 8 in which its private exponent stands, and that of an EC key with its scalar."""
_OWN = frozenset({"pki", "kubeconfigs", seat.NAME, "bin", *SECRETS, STORAGE})
"""The folders of keys and logins, and that of programs, which are links; the files of a registry that are secret,
and what was pushed to it, which may be of any size."""
_PRIVATE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n(.*?)-----END", re.DOTALL)
_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.([\w-]+)")


@dataclass(frozen=True, order=True)
class Betrayal:
    """A secret that lies in plain somewhere."""

    what: str
    where: str


def of_disk(environment: Environment) -> dict[str, str]:
    """What is secret of an environment's own keys and logins, by what it is."""
    found = {}
    if seat.exists(environment):
        taken = seat.seat(environment)
        found = {f"KMS key {key.id}": key.material for key in keeping.read(taken.keys)}
        found["KMS login"] = taken.login()[1]
    for name in registries.names(environment):
        found |= {
            f"registry {name}: {what}": value for what, value in registries.secret(environment, name).items()
        }
    for path in (environment.folder / registries.PKI).glob("*.key"):
        found |= _telling(f"{registries.PKI}/{path.name}", path.read_text())
    for path in environment.clusters.glob("*/pki/**/*.key"):
        found |= _telling(str(path.relative_to(environment.clusters)), path.read_text())
    for path in environment.clusters.glob("*/pki/encryption.yaml"):
        providers = yaml.safe_load(path.read_text())["resources"][0]["providers"]
        keys = [
            key["secret"]
            for each in providers
            for kind in each.values()
            for key in (kind or {}).get("keys", [])
        ]
        found |= {
            f"{path.parts[-3]} encryption at rest, key {number}": key for number, key in enumerate(keys)
        }
    return found


def of_values(values: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What is secret of secrets that were opened: (what, JSON) each."""
    found: dict[str, str] = {}
    for what, text in values:
        for number, leaf in enumerate(leaves(json.loads(text))):
            found |= _telling(f"{what}, value {number}", leaf)
    return found


def places(environment: Environment) -> Iterator[tuple[str, bytes]]:
    """Where a secret must not be in plain: the files of the environment and its stack, its processes."""
    for path in environment.folder.rglob("*"):
        if (
            path.is_file()
            and not path.is_symlink()
            and not _OWN & set(path.relative_to(environment.folder).parts)
        ):
            # A store's log is filled up with zeros.
            yield str(path), path.read_bytes().rstrip(b"\0")
    for path in sorted((environment.project / "stacks").glob("*.yaml")):
        yield str(path), path.read_bytes()
    for process in [
        *remains.supervisors(environment),
        *remains.supervised(environment),
        *remains.engines(environment),
    ]:
        try:
            name = f"{process.name()} (pid {process.pid})"
            yield f"arguments of {name}", "\0".join(process.cmdline()).encode()
            yield f"variables of {name}", "\0".join(process.environ().values()).encode()
        except psutil.Error:
            # It ended meanwhile.
            continue


def betrayals(secrets: Mapping[str, str], haystacks: Iterable[tuple[str, bytes]]) -> list[Betrayal]:
    """Which secrets lie where."""
    needles = {
        needle.encode(): what
        for what, value in secrets.items()
        for needle in (value[:LENGTH], *(encoded(value, shift) for shift in range(3)))
    }
    return sorted(
        {
            Betrayal(what, where)
            for where, text in haystacks
            for needle, what in needles.items()
            if needle in text
        }
    )


def encoded(value: str, shift: int) -> str:
    """Base64 of a secret as it looks behind `shift` other bytes, without its uncertain ends."""
    text = base64.b64encode(b"\0" * shift + value[: 2 * LENGTH].encode()).decode().rstrip("=")
    return text[4 if shift else 0 : -4][:LENGTH]


def _telling(what: str, text: str) -> dict[str, str]:
    """The parts of a text that nobody else may know: of a key and a token the part that is secret, else all of it."""
    if (inner := _decoded(text)) is not None:
        # As the data of a Secret is. In base64 it is searched for anyway.
        return _telling(what, inner)
    try:
        kubeconfig = Kubeconfig.read(text) if "clusters" in text else None
    except AtollError:
        kubeconfig = None
    if kubeconfig:
        private = "\n".join(filter(None, (_plain(kubeconfig.key), _plain(kubeconfig.token))))
        return _telling(what, private) if private else {}
    parts = [_of_key(body) for body in _PRIVATE.findall(text)] + _TOKEN.findall(text)
    if "-----BEGIN CERTIFICATE-----" in text and not parts:
        return {}
    found = parts or [text]
    return {
        f"{what}.{number}" if number else what: part
        for number, part in enumerate(found)
        if len(part) >= SHORTEST
    }


def _of_key(body: str) -> str:
    """A line of a PEM key that is private: the head is the same for all keys, and other lines are public."""
    lines = body.split()
    return lines[_RSA_LINES if len(lines) > _RSA_LINES else min(_EC_LINE, len(lines) - 1)][: LENGTH + 2]


def _decoded(text: str) -> str | None:
    """What a text is in base64, where that is text."""
    try:
        found = base64.b64decode(text, validate=True).decode()
    except ValueError:
        return None
    return found if found and all(letter.isprintable() or letter.isspace() for letter in found) else None


def _plain(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")


def leaves(value: Any) -> Iterator[str]:
    """Every text in a value of JSON."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from leaves(each)
    elif isinstance(value, str):
        yield value
