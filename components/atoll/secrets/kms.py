"""The client of a KMS: Amazon's, or any endpoint that speaks its API.

Source: https://docs.aws.amazon.com/kms/latest/APIReference.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from atoll.core import aws
from atoll.core.errors import RefusedError, UnavailableError

if TYPE_CHECKING:
    from types_boto3_kms import KMSClient


class DeniedError(UnavailableError):
    """The KMS answered, and does not let this caller use the key."""

    retry = False


class KeyStateError(UnavailableError):
    """The key is there and cannot be used: disabled, or about to be deleted."""

    retry = False


class SilentError(UnavailableError):
    """Nobody answered: what was asked for may have been done or not."""


class ThrottledError(UnavailableError):
    """The KMS answered that it is asked too often; it did nothing."""


class TakenError(RefusedError):
    """An alias of that name is there already."""


class NoKeyError(RefusedError):
    """There is no such key or alias."""


class CiphertextError(RefusedError):
    """The KMS does not open it: made by another key, for another context, or changed since."""


class Access(aws.Access):
    """How a KMS is reached."""

    service = "kms"


def client(access: Access, *, attempts: int = aws.ATTEMPTS) -> "KMSClient":
    """A client that may be shared between threads. It connects with its first call.

    One attempt is for calls that must not be made twice when an answer is lost.
    """
    made: KMSClient = aws.client(access, attempts=attempts)
    return made


@contextmanager
def problems(access: Access, key: str) -> Iterator[None]:
    """What the KMS answers within, as errors of one line each.

    Raises:
        DeniedError: access denied, or no login.
        KeyStateError: the key is disabled or waits for its deletion.
        NoKeyError: there is no such key.
        CiphertextError: the ciphertext is not one of that key and context.
        TakenError: there is such an alias already.
        ThrottledError: the KMS is asked too often.
        SilentError: the KMS does not answer.
        UnavailableError: it answers that it cannot.
    """
    with _ANSWERS.told(access, f"key {key}"):
        yield


_THROTTLED = (ThrottledError, "fewer calls at once. Try again later")
_LOGIN = (DeniedError, "a login that it knows")
_QUOTA = "fewer keys, aliases, grants or tags than its quota. Remove some, or ask for more"
_KINDS: aws.Kinds = {
    "AccessDeniedException": (DeniedError, "to be allowed to use it. Mend its policy, grants or the login"),
    "UnrecognizedClientException": _LOGIN,
    "ExpiredTokenException": _LOGIN,
    "InvalidSignatureException": _LOGIN,
    "AlreadyExistsException": (TakenError, "an alias that is free"),
    "MalformedPolicyDocumentException": (RefusedError, "a policy that it takes"),
    "DisabledException": (KeyStateError, "an enabled key. Enable it"),
    "KMSInvalidStateException": (KeyStateError, "a key in use. Cancel its deletion, or enable it"),
    "ValidationException": (RefusedError, "what it takes"),
    "KeyUnavailableException": (UnavailableError, "a key that can be used. Try again later"),
    "NotFoundException": (NoKeyError, "a key of that name"),
    "InvalidCiphertextException": (
        CiphertextError,
        "a ciphertext of this key, unchanged, in its own context",
    ),
    "IncorrectKeyException": (CiphertextError, "a ciphertext of this key, unchanged, in its own context"),
    "ThrottlingException": _THROTTLED,
    "Throttling": _THROTTLED,
    "LimitExceededException": (RefusedError, _QUOTA),
}
_ANSWERS = aws.Answers("a KMS", _KINDS, DeniedError, SilentError)
