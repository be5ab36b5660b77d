"""The client of a KMS: Amazon's, or any endpoint that speaks its API. It imports boto3, as bootstrap alone does beside it.

Source: https://docs.aws.amazon.com/kms/latest/APIReference. Calls are tried again as botocore's standard mode does:
after a random part of 1, 2 and 4 s, for throttling, 5xx and silence. A call to a KMS that takes connections and says
nothing ends within 27 s (four times 5 s, and 7 s of pauses), one to an address where nobody is within 15 s.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004 - botocore's own
from botocore.parsers import ResponseParserError

from atoll.core.errors import AtollError, RefusedError, UnavailableError, quoted

if TYPE_CHECKING:
    from types_boto3_kms import KMSClient

_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 2, 5, 4
_CONNECTIONS = 32
_REGION = "us-east-1"
"""Where nobody names a region: an endpoint of one's own takes any."""


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


@dataclass(frozen=True)
class Access:
    """How a KMS is reached. Without an endpoint it is Amazon's own; without keys boto3 looks for a login."""

    region: str
    endpoint: str | None = None
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)

    @classmethod
    def current(
        cls, region: str | None, endpoint: str | None, variables: Mapping[str, str] = os.environ
    ) -> "Access":
        """How this process reaches a KMS: what is not said is taken from its variables, as AWS's own tools do.

        Keys are none of an access that is made here: boto3 finds them (variables, profiles, roles), and renews them.
        """
        from_variables = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION")
        return cls(region or from_variables or _REGION, endpoint or variables.get("AWS_ENDPOINT_URL_KMS"))

    @property
    def label(self) -> str:
        """How people call it."""
        return self.endpoint or f"kms.{self.region}"


def client(access: Access, *, attempts: int = _ATTEMPTS) -> "KMSClient":
    """A client that may be shared between threads. It connects with its first call.

    One attempt is for calls that must not be made twice when an answer is lost.
    """
    session = boto3.session.Session(
        aws_access_key_id=access.access_key,
        aws_secret_access_key=access.secret_key,
        region_name=access.region,
    )
    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=_CONNECTIONS,
        # No proxy of the caller's stands between this machine and an endpoint that was named.
        proxies={} if access.endpoint else None,
    )
    return session.client("kms", endpoint_url=access.endpoint, config=config)


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
    try:
        yield
    except ClientError as error:
        raise _told(access, key, error.response.get("Error", {})) from error
    except (ConnectionError, HTTPClientError) as error:
        found = quoted(error)
        raise SilentError(
            f"{access.label}: found no answer ({found}); expected a KMS that answers."
        ) from error
    except ResponseParserError as error:
        raise UnavailableError(
            f"{access.label}: found an answer that is none of a KMS; expected its endpoint. Mend the address."
        ) from error
    except BotoCoreError as error:
        found = quoted(error)
        raise DeniedError(
            f"{access.label}: found {found}; expected a login. Set AWS_* or a profile."
        ) from error


def _told(access: Access, key: str, said: Any) -> AtollError:
    code, text = said.get("Code", ""), quoted(said.get("Message", ""))
    kind, expected = _KINDS.get(code, (UnavailableError, "a KMS that answers. Try again later"))
    return kind(f"{access.label}: key {key}: found {code} ({text}); expected {expected}.")


_THROTTLED = (ThrottledError, "fewer calls at once. Try again later")
_LOGIN = (DeniedError, "a login that it knows")
_QUOTA = "fewer keys, aliases, grants or tags than its quota. Remove some, or ask for more"
_KINDS: dict[str, tuple[type[AtollError], str]] = {
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
