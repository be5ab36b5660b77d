"""The users of a registry of this machine: passwords that nobody chose, and the hashes that it compares. Pure.

Source: https://distribution.github.io/distribution/about/configuration/#htpasswd (bcrypt alone)
"""

import secrets
from collections.abc import Iterable, Mapping

import bcrypt

_BYTES = 24
_ROUNDS = 5
"""The registry hashes with each request. A slow hash guards passwords that can be guessed, which these cannot."""


def passwords(known: Mapping[str, str], users: Iterable[str]) -> dict[str, str]:
    """A password for each user: the one that is known, or a new one."""
    return {user: known.get(user) or secrets.token_urlsafe(_BYTES) for user in users}


def hashed(known: str, logins: Mapping[str, str]) -> str:
    """The lines of htpasswd for logins. One of the `known` lines that fits is taken up, so that nothing changes by itself."""
    there = lines(known)
    return "".join(
        f"{user}:{there[user] if _fits(there.get(user), password) else _hash(password)}\n"
        for user, password in logins.items()
    )


def fitting(known: str, logins: Mapping[str, str]) -> list[str]:
    """The users of htpasswd lines, those whose password is another one left out; sorted."""
    return sorted(user for user, line in lines(known).items() if _fits(line, logins.get(user, "")))


def lines(text: str) -> dict[str, str]:
    """The hashes by user."""
    found = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {user: line for user, _, line in found}


def _fits(line: str | None, password: str) -> bool:
    try:
        return line is not None and bcrypt.checkpw(password.encode(), line.encode())
    except ValueError:
        # No hash at all.
        return False


def _hash(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(_ROUNDS)).decode()
