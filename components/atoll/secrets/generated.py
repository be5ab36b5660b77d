"""Values that nobody has to know: each is made once, at its first deploy, and lies in the state, encrypted."""

import base64
import secrets
import string
from collections.abc import Iterator

from atoll.core import naming
from atoll.core.effect import Failure, Values

CONTENTS = ("values", "sops", "generated")
"""The inputs of a sealed secret of which there is one: sealed values by key, a file of SOPS, or lengths of these."""
CHARACTERS = 16, 1024
"""Fewest and most characters of one. Sixteen letters and digits are 95 bits: nobody guesses them."""
_ALPHABET = string.ascii_letters + string.digits


def problems(inputs: Values) -> Iterator[Failure]:
    """What does not fit, as far as it is known yet."""
    for key, length in (inputs.get("generated") or {}).items():
        if unfit := naming.data_key_problem(key):
            yield Failure("generated", f"found {key!r}; {unfit}")
        if problem := length_problem(length):
            yield Failure(f"generated.{key}", problem)


def length_problem(length: object) -> str | None:
    """What is wrong with a length, or None."""
    least, most = CHARACTERS
    # A program's numbers come as floats; true is none.
    if (
        isinstance(length, (int, float))
        and length is not True
        and least <= length <= most
        and int(length) == length
    ):
        return None
    return f"found {length!r}; expected a number of characters from {least} to {most}"


def sources(inputs: Values, outputs: Values) -> dict[str, str]:
    """By key, its length and which one of that length it is; the one that is held stays as it is."""
    held = outputs.get("sources", {}) if outputs.get("data") else {}
    return {
        key: held[key]
        if _made(held.get(key, "")) == int(length)
        else f"{int(length)} {secrets.token_hex(16)}"
        for key, length in sorted(inputs["generated"].items())
    }


def data(wanted: dict[str, str], outputs: Values) -> dict[str, str]:
    """The data of a Secret: what is held of these sources, and new values for the others."""
    held, known = outputs.get("data", {}), outputs.get("sources", {})
    return {
        key: held[key] if key in held and known.get(key) == source else _one(_made(source))
        for key, source in wanted.items()
    }


def _made(source: str) -> int:
    """The length that a source tells; 0 where it is a digest of something else, or none."""
    length, _, which = source.partition(" ")
    return int(length) if which else 0


def _one(length: int) -> str:
    return base64.b64encode("".join(secrets.choice(_ALPHABET) for _ in range(length)).encode()).decode()
