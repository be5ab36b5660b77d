"""What a sealed message is bound to, and the two forms in which it is kept: bytes, or text for an inventory. Pure."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

from atoll.core.errors import ArgsError, IntegrityError

TEXT_LIMIT = 2**20
"""The most bytes of a value that is kept as text: a Kubernetes Secret holds no more."""
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]{0,251}[A-Za-z0-9])?")
_VERSION = b"\x02"
"""The first byte of every message with key commitment; no base64 begins with it."""
_SIGNER = "aws-crypto-public-key"
"""What the SDK adds to the context of a message that it signs, and refuses in any other."""


@dataclass(frozen=True)
class Context:
    """What a message is bound to. It is no secret: the header and the KMS's own log tell it."""

    project: str
    environment: str
    name: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ArgsError(
                f"secret: found the name {self.name!r}; expected letters, digits, '.', '_', '/' and '-' "
                "between a letter or digit at each end, at most 253 of them"
            )

    @property
    def pairs(self) -> dict[str, str]:
        """The encryption context."""
        return asdict(self)

    @classmethod
    def of(cls, pairs: Mapping[str, str]) -> Self:
        """The context that a header tells.

        Raises:
            ValueError: it is of another form.
        """
        told = {name: value for name, value in pairs.items() if name != _SIGNER}
        if told.keys() != cls.__annotations__.keys():
            raise ValueError("not a context of ours")
        try:
            return cls(**told)
        except ArgsError as error:
            raise ValueError("not a name of ours") from error

    def __str__(self) -> str:
        return f"{self.project}/{self.environment}/{self.name}"


def text(message: bytes) -> str:
    """A message as one line for an inventory."""
    return base64.b64encode(message).decode()


def is_text(head: bytes) -> bool:
    """Whether what begins so is the text of a message, and not the message itself."""
    return not head.startswith(_VERSION)


def binary(told: str) -> bytes:
    """The message of a text. Spaces and line ends do not count; no other text stands for the same message.

    Raises:
        ValueError: it is no such text.
    """
    joined = "".join(told.split())
    try:
        message = base64.b64decode(joined, validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64") from error
    if text(message) != joined:
        raise ValueError("bits that mean nothing are set")
    return message


def integrity(what: object, key: str) -> IntegrityError:
    """The one error for whatever does not open: which part of it is wrong helps only those who try to forge one."""
    return IntegrityError(
        f"{what}: found a message that does not open; expected one that was sealed for this name and "
        f"environment under key {key}, whole and unchanged. Take it again from where it was sealed."
    )
