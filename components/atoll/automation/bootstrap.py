"""Making what a shared environment stands on and no stack owns: the key and the bucket of its state.

It is run again at any time: what is there is taken up, what differs is mended.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from atoll.automation import buckets, s3, sealing
from atoll.automation.buckets import Live
from atoll.automation.show import Screen
from atoll.core import endpoints
from atoll.core.errors import AtollError, Exit, RefusedError, UnavailableError, quoted
from atoll.core.writes import Write
from atoll.platform import Inventory
from atoll.platform.inventory import State
from atoll.secrets import keys, kms
from atoll.secrets.keys import Wanted
from atoll.secrets.service import Service

_ROTATION = 365
"""Days: what KMS takes where nobody says otherwise."""
_WHOLE = {
    "cancel_key_deletion": "deletion",
    "create_alias": "alias",
    "delete_alias": "alias",
    "disable_key_rotation": "rotation",
    "enable_key": "enabled",
    "enable_key_rotation": "rotation",
    "put_key_policy": "policy",
    "tag_resource": "tags",
    "untag_resource": "tags",
    "update_key_description": "description",
}
"""What each write to a key is about."""
_NONE = {"404", "NoSuchBucket", "NotFound"}
_UNSET = {
    *(
        "NoSuchTagSet",
        "NoSuchBucketPolicy",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
    ),
    *("OwnershipControlsNotFoundError", "ServerSideEncryptionConfigurationNotFoundError"),
}
"""How S3 says that something was never set."""
_DENIED = {
    *("401", "403", "AccessDenied", "AllAccessDisabled", "ExpiredToken"),
    *("InvalidAccessKeyId", "SignatureDoesNotMatch"),
}


@dataclass(frozen=True)
class Change:
    """One thing that was made or mended, or would be: `what` it is, and what about it."""

    what: str
    change: str


@dataclass(frozen=True)
class Report:
    """What there is now: the key's full name, the bucket, where the engine finds it; `check` changed nothing."""

    environment: str
    key: str
    bucket: str
    backend: str
    changes: list[Change]
    check: bool

    @property
    def code(self) -> Exit:
        """Whether something is left to do."""
        return Exit.CHANGES if self.check and self.changes else Exit.DONE

    def values(self) -> dict[str, Any]:
        """The report for programs."""
        return asdict(self) | {"exit": int(self.code)}


def bootstrap(inventory: Inventory, screen: Screen, *, check: bool = False) -> Report:
    """Makes key and bucket, or says what would be made.

    Raises:
        RefusedError: the environment keeps both on this machine, or one is somebody else's.
        UnavailableError: the cloud does not answer, or not this caller.
    """
    where = f"environment {inventory.environment}"
    if inventory.kms.driver == sealing.LOCAL:
        raise RefusedError(
            f"{where}: found a KMS of this machine; expected kms.driver aws (atoll up makes the key of what is local). "
            f"Run: atoll up {inventory.environment}"
        )
    changes: list[Change] = []

    def tell(what: str, change: str) -> None:
        changes.append(Change(what, change))
        screen.say(f"{'would change' if check else 'changed'}: [{what}] {change}")

    with screen.beating("bootstrap"):
        key = _key(inventory, tell, check=check)
        if inventory.state:
            _bucket(_reached(inventory.state), inventory.environment, key, tell, check=check)
    bucket = inventory.state.bucket if inventory.state else ""
    if not bucket:
        screen.say(f"{where}: its state stays on this machine (no `state` in its inventory)")
    looked = 1 + bool(bucket)
    changed = len({each.what for each in changes})
    screen.say(f"\nRECAP\n{inventory.environment}: ok={looked - changed} changed={changed}")
    backend = buckets.url(inventory.state) if inventory.state else ""
    return Report(inventory.environment, key, bucket, backend, changes, check)


def _key(inventory: Inventory, tell: Callable[[str, str], None], *, check: bool) -> str:
    """The full name of the environment's key; of one that is not there yet its alias."""
    declared, environment = inventory.kms, inventory.environment
    service = Service(kms.Access(declared.region, declared.endpoint))
    if not declared.key.startswith(keys.PREFIX):
        # Named by its ARN it is somebody else's to make.
        return service.expect(declared.key).arn
    alias = declared.key.removeprefix(keys.PREFIX)
    wanted = Wanted(
        alias,
        f"{sealing.PROJECT}/{environment}",
        description=f"Atoll: state and secrets of {environment}",
        rotation=_ROTATION,
        tags={buckets.MARK: environment},
    )
    what, live = f"key {declared.key}", service.take(wanted)
    if live is None:
        tell(what, "made")
        if check:
            return declared.key
        live = service.make(wanted)
        for write in keys.writes(live, wanted):
            service.write(alias, write)
        return live.arn
    for write in keys.writes(live, wanted):
        if not check:
            service.write(alias, write)
        tell(what, _WHOLE.get(write.call, write.call))
    return live.arn


def _reached(state: State) -> State:
    """The state's bucket at the address where this process meets it."""
    return replace(state, endpoint=state.endpoint or endpoints.named("s3", os.environ))


def _bucket(
    state: State, environment: str, key: str, tell: Callable[[str, str], None], *, check: bool
) -> None:
    storage, what = Storage(state), f"bucket {state.bucket}"
    live = storage.look()
    if live is None:
        if not check:
            storage.write(buckets.creation(state))
        tell(what, "made")
    elif reason := buckets.foreign(live, state, environment):
        raise RefusedError(f"{storage.label}: {reason}.")
    for about, write in buckets.writes(live, state, environment, key):
        if not check:
            storage.write(write)
        tell(what, about)


class Storage:
    """The S3 of a state: looks at its bucket, and writes."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.label = f"{state.endpoint or f's3.{state.region}'}: bucket {state.bucket}"
        self._client = s3.client(state)

    def look(self) -> Live | None:
        """The bucket as it is, or None where nobody has one of that name.

        Raises:
            UnavailableError: it does not answer, or not this caller: that may be since it is somebody else's.
        """
        head = self._asked("head_bucket", _NONE)
        if head is None:
            return None
        region = str(head.get("BucketRegion") or self._state.region)
        if region != self._state.region:
            return Live(region, empty=False)
        rules = (self._asked("get_bucket_encryption") or {}).get("ServerSideEncryptionConfiguration", {})
        ownership = (self._asked("get_bucket_ownership_controls") or {}).get("OwnershipControls", {})
        policy = (self._asked("get_bucket_policy") or {}).get("Policy")
        return Live(
            region,
            empty=not (self._asked("list_object_versions", MaxKeys=1) or {}).get("Versions"),
            versioning=(self._asked("get_bucket_versioning") or {}).get("Status"),
            encryption=next(iter(rules.get("Rules", [])), None),
            public_access=(self._asked("get_public_access_block") or {}).get(
                "PublicAccessBlockConfiguration"
            ),
            ownership=next((each["ObjectOwnership"] for each in ownership.get("Rules", [])), None),
            policy=json.loads(policy) if policy else None,
            lifecycle=tuple((self._asked("get_bucket_lifecycle_configuration") or {}).get("Rules", [])),
            tags={
                each["Key"]: each["Value"]
                for each in (self._asked("get_bucket_tagging") or {}).get("TagSet", [])
            },
        )

    def write(self, write: Write) -> None:
        """Makes one change; a bucket that is ours already is made."""
        try:
            with self._problems():
                getattr(self._client, write.call)(**write.arguments)
        except _OursError:
            return

    def _asked(self, call: str, none: set[str] = _UNSET, **more: Any) -> Any:
        try:
            with self._problems(none):
                return getattr(self._client, call)(Bucket=self._state.bucket, **more)
        except _UnsetError:
            return None

    @contextmanager
    def _problems(self, none: set[str] = frozenset()) -> Iterator[None]:  # type: ignore[assignment]  # never changed
        try:
            yield
        except ClientError as error:
            raise self._told(error.response.get("Error", {}), none) from error
        except BotoCoreError as error:
            found = quoted(error)
            raise UnavailableError(
                f"{self.label}: found no answer ({found}); expected one. Look at network and login (AWS_* or a profile)."
            ) from error

    def _told(self, said: Any, none: set[str]) -> AtollError:
        code, text = str(said.get("Code", "")), quoted(said.get("Message", ""))
        if code in none:
            return _UnsetError(code)
        if code == "BucketAlreadyOwnedByYou":
            return _OursError(code)
        if code in ("BucketAlreadyExists", "OperationAborted"):
            return RefusedError(
                f"{self.label}: found {code} ({text}); expected a name that is free. Choose another, or wait where it was "
                "deleted just now."
            )
        if code in _DENIED:
            return UnavailableError(
                f"{self.label}: found {code} ({text}); expected to be allowed to look at it and change it. Mend the login "
                "or its rights, or choose another name where it is somebody else's."
            )
        return UnavailableError(
            f"{self.label}: found {code} ({text}); expected S3 to do it. Try again later."
        )


class _UnsetError(AtollError):
    """There is no such thing yet."""


class _OursError(AtollError):
    """It is there already, and ours."""
