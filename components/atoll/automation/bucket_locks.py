"""The engine's locks on a stack whose state is in a bucket."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from atoll.automation import buckets, locks, s3, started
from atoll.automation.locks import Life, Lock
from atoll.core.aws import Answers
from atoll.core.errors import AtollError, UnavailableError
from atoll.host import Environment
from atoll.platform.inventory import State


class _GoneError(AtollError):
    """Its holder gave it back in between."""


_S3 = Answers(
    "an S3", {"NoSuchKey": (_GoneError, "it"), "NoSuchBucket": (_GoneError, "it")}, UnavailableError
)


class Bucket:
    """The bucket of an environment's state."""

    def __init__(self, environment: Environment, state: State) -> None:
        self.environment, self.url = environment, buckets.url(state)
        self._state, self._client = state, s3.client(state)

    def locks(self) -> list[Lock]:
        """The locks on the stack; none where there is no bucket yet.

        Raises:
            UnavailableError: the bucket does not answer, or not this caller.
        """
        return list(self._locks())

    def _locks(self) -> Iterator[Lock]:
        prefix = f"{locks.place(self.environment.name)}/"
        try:
            listed = self._asked("list_objects_v2", Prefix=prefix).get("Contents") or []
        except _GoneError:
            return
        for key in sorted(each["Key"] for each in listed):
            try:
                text = self._asked("get_object", Key=key)["Body"].read()
            except _GoneError:
                continue
            yield BucketLock(*locks.content(text), self, key)

    def name(self, key: str) -> str:
        """How a key in it is told."""
        return f"s3://{self._state.bucket}/{key}"

    def remove(self, key: str) -> None:
        """Removes a key; one that is gone is removed."""
        self._asked("delete_object", Key=key)

    def _asked(self, call: str, **arguments: Any) -> Any:
        with _S3.told(s3.access(self._state), f"bucket {self._state.bucket}"):
            return getattr(self._client, call)(Bucket=self._state.bucket, **arguments)


@dataclass(frozen=True)
class BucketLock(Lock):
    """A lock in a bucket: a host's name proves nothing there, what this environment started itself does."""

    bucket: Bucket
    key: str

    @property
    def place(self) -> str:
        """Its URL."""
        return self.bucket.name(self.key)

    def life(self) -> tuple[Life, str]:
        """An engine that this environment started, and that runs no more, is dead; of others nothing is known."""
        if not self.host or self.taken is None:
            return Life.UNKNOWN, "what it says cannot be read"
        if self.host != socket.gethostname():
            return Life.UNKNOWN, locks.elsewhere(self)
        holder = self.holder()
        if holder and locks.backend(holder) in (None, self.bucket.url):
            return Life.ALIVE, "its engine runs on this machine"
        if started.is_ours(self.bucket.environment, self.pid, self.taken):
            return Life.DEAD, "this environment started its engine, which no longer runs"
        return Life.UNKNOWN, (
            f"{self.host} is this machine's name, but this environment started no such engine: another machine or "
            "container may have the same name"
        )

    def remove(self) -> None:
        """Removes it from the bucket."""
        self.bucket.remove(self.key)
