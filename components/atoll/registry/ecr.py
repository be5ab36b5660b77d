"""The client of ECR: Amazon's, or any endpoint that speaks its API.

Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from atoll.core import aws
from atoll.core.errors import RefusedError, UnavailableError


class DeniedError(UnavailableError):
    """The registry answered, and does not let this caller do that."""

    retry = False


class MissingError(RefusedError):
    """There is no such repository, policy or rule."""


class TakenError(RefusedError):
    """A repository or a rule of that name is there already."""


class FullError(RefusedError):
    """The repository holds images."""


class Access(aws.Access):
    """How an ECR is reached."""

    service = "ecr"


def client(access: Access) -> Any:
    """A client that may be shared between threads. It connects with its first call."""
    return aws.client(access)


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
    with _ANSWERS.told(access, what):
        yield


_LOGIN = (DeniedError, "a login that it knows")
_QUOTA = (RefusedError, "fewer than its quota. Remove some, or ask for more")
_TAKES = (RefusedError, "what it takes")
_SECRET = (RefusedError, "a secret of Secrets Manager that ECR may read")
_KINDS: aws.Kinds = {
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
_ANSWERS = aws.Answers("a registry", _KINDS, DeniedError)
