"""How a service of AWS is reached, Amazon's own or any endpoint that speaks its API, and what it answers as errors of one line.

Calls are tried again as botocore's standard mode does: after a random part of 1, 2 and 4 s, for throttling, 5xx and silence.
A call to an endpoint that takes connections and says nothing ends within 27 s (four times 5 s, and 7 s of pauses), one to an
address where nobody is within 15 s.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from atoll.core.errors import AtollError, RefusedError, UnavailableError, quoted

_CONNECT_SECONDS, _READ_SECONDS = 2, 5
ATTEMPTS = 4
_CONNECTIONS = 32
_REGION = "us-east-1"
"""Where nobody names a region: an endpoint of one's own takes any."""
Kinds = Mapping[str, tuple[type[AtollError], str]]
"""By the code of an answer, the error that it is and what was expected instead."""


@dataclass(frozen=True)
class Access:
    """How a service is reached. Without an endpoint it is Amazon's own; without keys boto3 looks for a login."""

    service: ClassVar[str]
    """What boto3 calls it."""
    region: str
    endpoint: str | None = None
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)

    @classmethod
    def current(
        cls, region: str | None, endpoint: str | None, variables: Mapping[str, str] = os.environ
    ) -> Self:
        """How this process reaches it: what is not said is taken from its variables, as AWS's own tools do.

        Keys are none of an access that is made here: boto3 finds them (variables, profiles, roles), and renews them.
        """
        from_variables = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION")
        own = variables.get(f"AWS_ENDPOINT_URL_{cls.service.upper()}")
        return cls(region or from_variables or _REGION, endpoint or own)

    @property
    def label(self) -> str:
        """How people call it."""
        return self.endpoint or f"{self.service}.{self.region}"


def client(access: Access, *, attempts: int = ATTEMPTS, read: float = _READ_SECONDS, **settings: Any) -> Any:
    """A client that may be shared between threads. It connects with its first call.

    `read` are the seconds that an answer may take; `settings` are more of botocore's.
    """
    import boto3  # noqa: PLC0415 - it takes long to load, and most programs ask no cloud for anything
    from botocore.config import Config  # noqa: PLC0415 - the same

    session: Any = boto3.session.Session(
        aws_access_key_id=access.access_key,
        aws_secret_access_key=access.secret_key,
        region_name=access.region,
    )
    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=read,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=_CONNECTIONS,
        # No proxy of the caller's stands between this machine and an endpoint that was named.
        proxies={} if access.endpoint else None,
        **settings,
    )
    return session.client(access.service, endpoint_url=access.endpoint, config=config)


@dataclass(frozen=True)
class Answers:
    """What the answers of a service mean: `name` is what it is (`a KMS`)."""

    name: str
    kinds: Kinds
    denied: type[AtollError]
    """There is no login."""
    silent: type[AtollError] = UnavailableError
    """Nobody answered: what was asked for may have been done or not."""

    @contextmanager
    def told(self, access: Access, what: str) -> Iterator[None]:
        """What is answered within, as errors of one line each; `what` is asked for: `repository app`.

        Raises:
            AtollError: one of `kinds`, `denied` or `silent`.
            RefusedError: it is not what the service takes.
            UnavailableError: any other answer, or one that is none of such a service.
        """
        # A client was made before: they are loaded.
        from botocore import exceptions, parsers  # noqa: PLC0415 - see `client`

        try:
            yield
        except exceptions.ClientError as error:
            raise self._told(access, what, error.response.get("Error", {})) from error
        except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
            raise self.silent(
                f"{access.label}: found no answer ({quoted(error)}); expected {self.name} that answers. Try again later."
            ) from error
        except parsers.ResponseParserError as error:
            raise UnavailableError(
                f"{access.label}: found an answer that is none of {self.name}; expected its endpoint. Mend the address."
            ) from error
        except exceptions.ParamValidationError as error:
            raise RefusedError(
                f"{access.label}: {what}: found {quoted(error)}; expected what it takes."
            ) from error
        except exceptions.BotoCoreError as error:
            raise self.denied(
                f"{access.label}: {what}: found {quoted(error)}; expected a login. Set AWS_* or a profile."
            ) from error

    def _told(self, access: Access, what: str, said: Any) -> AtollError:
        code, text = said.get("Code", ""), quoted(said.get("Message", ""))
        kind, expected = self.kinds.get(
            code, (UnavailableError, f"{self.name} that answers. Try again later")
        )
        return kind(f"{access.label}: {what}: found {code} ({text}); expected {expected}.")
