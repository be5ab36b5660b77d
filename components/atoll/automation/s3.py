"""How the S3 of a state is reached."""

from typing import Any

from atoll.core import aws
from atoll.platform.inventory import State

_READ_SECONDS = 10
"""S3 takes its time to make a bucket."""


class Access(aws.Access):
    """The S3 that holds a state."""

    service = "s3"


def access(state: State) -> Access:
    """Where it is."""
    return Access(state.region, state.endpoint)


def client(state: State) -> Any:
    """A client of it. An endpoint of one's own has no names of buckets in its host name."""
    style = {"addressing_style": "path" if state.endpoint else "auto"}
    return aws.client(access(state), read=_READ_SECONDS, s3=style)
