"""Every way in which somebody without the key can change a sealed message, or pass one off for another."""

import io
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from atoll.core.errors import IntegrityError
from atoll.secrets import kms, message
from atoll.secrets.envelope import WrappingKey
from atoll.secrets.message import Context

CONTEXT = Context("atoll", "reef", "harbour/token")
FRAME = 128
"""Short enough that a short message has several."""
_INTEGRITY, _DENIED = ANSWERS = ("integrity", "access denied")


@dataclass(frozen=True)
class Sealed:
    """A message as it was sealed in frames of FRAME bytes, and the ARN of its key."""

    message: bytes
    arn: str
    context: Context = CONTEXT

    @property
    def body(self) -> int:
        """Where the header ends: the first frame has the number one."""
        return self.message.index(b"\0\0\0\1" + b"\0" * 11 + b"\1")

    @property
    def names_key(self) -> range:
        """Where the wrapped data key tells its KMS which key wrapped it, as moto writes it."""
        identifier = self.arn.rpartition("/")[2].encode()
        start = self.message.rindex(identifier)
        return range(start, start + len(identifier))


@dataclass(frozen=True)
class Tampered:
    """A changed message, and the context for which it is opened."""

    what: str
    message: bytes
    context: Context = CONTEXT
    says_denied: bool = False
    """Whether the KMS may say that the caller is not allowed: it was asked about another key."""


def one(chance: random.Random, sealed: Sealed, other: Sealed) -> Tampered:
    """Some way; `other` is a message of the same context and key."""
    return chance.choice(_WAYS)(chance, sealed, other)


def refused(key: WrappingKey, changed: Tampered) -> str:
    """How a message was refused: one of ANSWERS.

    Raises:
        AssertionError: it was opened, or the answer tells what is wrong with it.
    """
    try:
        key.open(changed.context, io.BytesIO(changed.message), io.BytesIO())
    except IntegrityError as error:
        if str(error) == str(message.integrity(changed.context, key.arn)):
            return _INTEGRITY
        raise AssertionError(f"told of: {changed.what}") from error
    except kms.DeniedError as error:
        if changed.says_denied:
            return _DENIED
        raise AssertionError(f"denied: {changed.what}") from error
    raise AssertionError(f"opened: {changed.what}")


def _bit(chance: random.Random, sealed: Sealed, _other: Sealed) -> Tampered:
    place, bit = chance.randrange(len(sealed.message)), chance.randrange(8)
    changed = bytearray(sealed.message)
    changed[place] ^= 1 << bit
    return Tampered(
        f"bit {bit} of byte {place} flipped", bytes(changed), says_denied=place in sealed.names_key
    )


def _bytes(chance: random.Random, sealed: Sealed, _other: Sealed) -> Tampered:
    """Several bytes in a row, anything but what they were."""
    place, count = chance.randrange(len(sealed.message)), chance.randint(1, 40)
    before = sealed.message[place : place + count]
    after = bytes(each ^ chance.randint(1, 255) for each in before)
    denied = bool(set(range(place, place + len(before))) & set(sealed.names_key))
    changed = sealed.message[:place] + after + sealed.message[place + len(before) :]
    return Tampered(f"{len(before)} bytes from {place} changed", changed, says_denied=denied)


def _context(chance: random.Random, sealed: Sealed, _other: Sealed) -> Tampered:
    part = chance.choice(("project", "environment", "name"))
    context = replace(sealed.context, **{part: getattr(sealed.context, part) + chance.choice("abc")})
    return Tampered(f"another {part}", sealed.message, context)


def _header(_chance: random.Random, sealed: Sealed, other: Sealed) -> Tampered:
    return Tampered("the header of another", other.message[: other.body] + sealed.message[sealed.body :])


def _truncated(chance: random.Random, sealed: Sealed, _other: Sealed) -> Tampered:
    length = chance.randrange(len(sealed.message))
    return Tampered(f"cut off after {length} bytes", sealed.message[:length])


def _extended(chance: random.Random, sealed: Sealed, other: Sealed) -> Tampered:
    more = chance.choice((b"\0", b"\n", other.message, sealed.message[sealed.body :]))
    return Tampered(f"{len(more)} bytes more", sealed.message + more)


def _removed(chance: random.Random, sealed: Sealed, _other: Sealed) -> Tampered:
    place = chance.randrange(len(sealed.message))
    count = chance.randint(1, len(sealed.message) - place)
    changed = sealed.message[:place] + sealed.message[place + count :]
    denied = place < sealed.body
    return Tampered(f"{count} bytes from {place} removed", changed, says_denied=denied)


def _frames(chance: random.Random, sealed: Sealed, other: Sealed) -> Tampered:
    """A frame in the place of another: of the same message, or of the other one."""
    length = 4 + 12 + FRAME + 16
    first, second = (sealed.body + length * number for number in chance.sample(range(2), 2))
    source = chance.choice((sealed, other))
    start = second - sealed.body + source.body if source is other else second
    frame = source.message[start : start + length]
    return Tampered("a frame of elsewhere", sealed.message[:first] + frame + sealed.message[first + length :])


_WAYS: tuple[Callable[[random.Random, Sealed, Sealed], Tampered], ...] = (
    *(_bit,) * 6,
    _bytes,
    _context,
    _header,
    _truncated,
    _extended,
    _removed,
    _frames,
)
"""A flipped bit is the most usual."""
