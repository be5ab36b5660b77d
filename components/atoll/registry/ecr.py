"""The client of ECR: Amazon's, or any endpoint that speaks its API. In this package it alone imports boto3.

Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference. Calls are tried again as botocore's standard mode does:
a silent endpoint is given up within 27 s (four times 5 s, and 7 s of pauses).
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own
    HTTPClientError,
    ParamValidationError,
)

from atoll.core.errors import AtollError, RefusedError, UnavailableError, quoted

_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 2, 5, 4
_CONNECTIONS = 32
_REGION = "us-east-1"
"""Where nobody names a region: an endpoint of one's own takes any."""


class DeniedError(UnavailableError):
    """The registry answered, and does not let this caller do that."""

    retry = False


class MissingError(RefusedError):
    """There is no such repository, policy or rule."""


class TakenError(RefusedError):
    """A repository or a rule of that name is there already."""


class FullError(RefusedError):
    """The repository holds images."""


@dataclass(frozen=True)
class Access:
    """How an ECR is reached. Without an endpoint it is Amazon's own; boto3 looks for a login."""

    region: str
    endpoint: str | None = None

    @classmethod
    def current(
        cls, region: str | None, endpoint: str | None, variables: Mapping[str, str] = os.environ
    ) -> "Access":
        """How this process reaches an ECR: what is not said is taken from its variables, as AWS's own tools do."""
        from_variables = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION")
        return cls(region or from_variables or _REGION, endpoint or variables.get("AWS_ENDPOINT_URL_ECR"))

    @property
    def label(self) -> str:
        """How people call it."""
        return self.endpoint or f"ecr.{self.region}"


def client(access: Access) -> Any:
    """A client that may be shared between threads. It connects with its first call."""
    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        max_pool_connections=_CONNECTIONS,
        # No proxy of the caller's stands between this machine and an endpoint that was named.
        proxies={} if access.endpoint else None,
    )
    session = boto3.session.Session(region_name=access.region)
    return session.client("ecr", endpoint_url=access.endpoint, config=config)


@contextmanager
def problems(access: Access, what: str) -> Iterator[None]:
    """What ECR answers within, as errors of one line each; `what` is asked for: `repository app`.

    Raises:
        DeniedError: access denied, or no login.
        MissingError: there is no such thing.
        TakenError: there is such a thing already.
        FullError: it holds images.
        RefusedError: it is not what ECR takes.
        UnavailableError: nobody answers, or that it cannot.
    """
    try:
        yield
    except ClientError as error:
        raise _told(access, what, error.response.get("Error", {})) from error
    except (ConnectionError, HTTPClientError) as error:
        raise UnavailableError(
            f"{access.label}: found no answer ({quoted(error)}); expected a registry that answers. Try again later."
        ) from error
    except ParamValidationError as error:
        raise RefusedError(
            f"{access.label}: {what}: found {quoted(error)}; expected what it takes."
        ) from error
    except BotoCoreError as error:
        raise DeniedError(
            f"{access.label}: {what}: found {quoted(error)}; expected a login. Set AWS_* or a profile."
        ) from error


def _told(access: Access, what: str, said: Any) -> AtollError:
    code, text = said.get("Code", ""), quoted(said.get("Message", ""))
    kind, expected = _KINDS.get(code, (UnavailableError, "a registry that answers. Try again later"))
    return kind(f"{access.label}: {what}: found {code} ({text}); expected {expected}.")


_LOGIN = (DeniedError, "a login that it knows")
_QUOTA = (RefusedError, "fewer than its quota. Remove some, or ask for more")
_TAKES = (RefusedError, "what it takes")
_SECRET = (RefusedError, "a secret of Secrets Manager that ECR may read")
_KINDS: dict[str, tuple[type[AtollError], str]] = {
    "AccessDeniedException": (DeniedError, "to be allowed that. Mend the policies, or the login"),
    "UnrecognizedClientException": _LOGIN,
    "ExpiredTokenException": _LOGIN,
    "InvalidSignatureException": _LOGIN,
    "RepositoryNotFoundException": (MissingError, "a repository of that name"),
    "RepositoryPolicyNotFoundException": (MissingError, "a policy"),
    "LifecyclePolicyNotFoundException": (MissingError, "a lifecycle policy"),
    "PullThroughCacheRuleNotFoundException": (MissingError, "a rule of that prefix"),
    "RepositoryAlreadyExistsException": (TakenError, "a name that is free"),
    "PullThroughCacheRuleAlreadyExistsException": (TakenError, "a prefix that is free"),
    "RepositoryNotEmptyException": (
        FullError,
        "it empty. Delete its images, or say forceDelete and run `up` first",
    ),
    "InvalidParameterException": _TAKES,
    "InvalidTagParameterException": _TAKES,
    "ValidationException": _TAKES,
    "UnsupportedUpstreamRegistryException": (RefusedError, "an upstream that ECR knows"),
    "KmsException": (RefusedError, "a key of KMS that ECR may use"),
    "UnableToAccessSecretException": _SECRET,
    "UnableToDecryptSecretValueException": _SECRET,
    "SecretNotFoundException": _SECRET,
    "TooManyTagsException": _QUOTA,
    "LimitExceededException": _QUOTA,
    "ThrottlingException": (UnavailableError, "fewer calls at once. Try again later"),
}
