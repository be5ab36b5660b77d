"""Who keeps an environment's keys: the KMS of this machine, or one in a cloud, and which key of it is the first.

That key encrypts the engine's state, and whatever names no key of its own. A stack never owns it.
"""

import http.client
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import urllib3

from atoll.automation import buckets, sealing
from atoll.core import endpoints, files
from atoll.core.errors import UnavailableError
from atoll.host import Environment, Program, Supervisor, obstacles
from atoll.platform import Inventory
from atoll.platform.inventory import Kms
from atoll.secrets import keys, lifecycle
from atoll.secrets.local import keeping, seat

if TYPE_CHECKING:
    from types_boto3_kms import KMSClient
    from types_boto3_kms.type_defs import TagTypeDef

    from atoll.secrets import kms

_LIMIT = timedelta(seconds=30)
"""It answers within a second; on a machine that is busy with ten API servers it was seen to take six."""
_PATIENCE = timedelta(seconds=5)
"""Within which it may fail and come up at its second or third start."""
_LOOKS = 3
"""How often a KMS elsewhere may say nothing before it is given up."""
_PAUSE = 0.05


@dataclass(frozen=True)
class Custody:
    """A KMS and the environment's key in it, by alias or ARN."""

    key: str
    access: "kms.Access"


def of(environment: Environment, inventory: Inventory) -> Custody:
    """Who keeps the keys of an environment. Nothing is started, nobody asked."""
    return _of(environment, inventory.kms)


def ready(environment: Environment, inventory: Inventory) -> Custody:
    """Who keeps the keys of an environment, which answers; the key is made where it is one of this machine.

    Raises:
        UnavailableError: it does not answer, or not this caller.
        IntegrityError: its keys are damaged.
    """
    environment.create()
    own = programs(environment, inventory.kms)
    supervisor = Supervisor(environment)
    supervisor.start()
    supervisor.ensure(own)
    return ensured(environment, inventory.kms)


def programs(environment: Environment, declared: Kms) -> list[Program]:
    """What has to run on this machine for it.

    Raises:
        IntegrityError: its keys are damaged.
    """
    if declared.driver != sealing.LOCAL:
        return []
    taken = seat.seat(environment)
    # Said before anything starts, and not by a process that comes up again and again.
    keeping.read(taken.keys)
    return [taken.program()]


def wait(environment: Environment, declared: Kms) -> None:
    """Waits until the KMS answers. One of this machine may still be starting; for a silent one the engine has no limit.

    Raises:
        UnavailableError: it does not.
    """
    if declared.driver != sealing.LOCAL:
        _refuse_silent(declared)
        return
    taken, begin = seat.seat(environment), time.monotonic()
    while not _answers(taken.port):
        waited = timedelta(seconds=time.monotonic() - begin)
        line = obstacles.found(environment).get(seat.NAME) if waited > _PATIENCE else None
        if line or waited > _LIMIT:
            raise UnavailableError(
                line
                or f"{taken.endpoint}: found no answer of the KMS within {_LIMIT.total_seconds():.0f} s; expected one. "
                f"Look into: atoll logs {environment.name} {seat.NAME}"
            )
        time.sleep(_PAUSE)


def ensured(environment: Environment, declared: Kms) -> Custody:
    """The environment's key, found by its alias, or made where it is one of this machine.

    Raises:
        UnavailableError: the KMS does not answer, or not this caller.
        NoKeyError: there is none, and it is not ours to make.
    """
    from atoll.secrets import kms  # noqa: PLC0415 - boto3 loads for half a second, and most commands need none

    kept = _of(environment, declared)
    client = kms.client(kept.access)
    # Not before that: who loads boto3 while the KMS starts waits half as long.
    wait(environment, declared)
    with kms.problems(kept.access, kept.key):
        try:
            client.describe_key(KeyId=kept.key)
        except client.exceptions.NotFoundException:
            if declared.driver != sealing.LOCAL:
                raise
            _make(client, kept.key, environment)
    return kept


def url(environment: Environment, declared: Kms) -> str:
    """The engine's secrets provider. It holds no endpoint, whose port may be another one some day.

    One pair of context alone: of several the engine made all values the first one's (pulumi/pulumi#21068).
    """
    key = seat.alias(environment.name) if declared.driver == sealing.LOCAL else declared.key
    region = seat.REGION if declared.driver == sealing.LOCAL else declared.region
    path = f"/{key}" if key.startswith("arn:") else key
    return f"awskms://{path}?{urlencode({'region': region, 'context_environment': environment.name})}"


def variables(environment: Environment, declared: Kms, outside: Mapping[str, str]) -> dict[str, str]:
    """What leads the engine to it, and nowhere else: a KMS of this machine is the whole cloud that it sees."""
    old = (
        {"PULUMI_CONFIG_PASSPHRASE_FILE": str(environment.passphrase)}
        if environment.passphrase.exists()
        else {}
    )
    if declared.driver != sealing.LOCAL:
        theirs = {name: value for name, value in outside.items() if name.startswith("AWS_")}
        here = {"AWS_REGION": declared.region, "AWS_DEFAULT_REGION": declared.region}
        return (
            old | theirs | here | ({"AWS_ENDPOINT_URL_KMS": declared.endpoint} if declared.endpoint else {})
        )
    taken = seat.seat(environment)
    return old | {
        "AWS_SHARED_CREDENTIALS_FILE": str(taken.credentials),
        "AWS_CONFIG_FILE": str(taken.settings),
        "AWS_REGION": seat.REGION,
        "AWS_DEFAULT_REGION": seat.REGION,
        # Of every other service as well: who asks for one is told that it is not served.
        "AWS_ENDPOINT_URL": taken.endpoint,
        "AWS_ENDPOINT_URL_KMS": taken.endpoint,
    }


def _of(environment: Environment, declared: Kms) -> Custody:
    if declared.driver == sealing.LOCAL:
        return Custody(seat.alias(environment.name), seat.seat(environment).access())
    from atoll.secrets import kms  # noqa: PLC0415 - see above

    return Custody(declared.key, kms.Access(declared.region, declared.endpoint))


def _make(client: "KMSClient", name: str, environment: Environment) -> None:
    """Makes a key with an alias, taking up one that a killed run left without."""
    with files.locked(environment.folder / seat.NAME / "lock"):
        mark: TagTypeDef = {"TagKey": buckets.MARK, "TagValue": environment.name}
        listed = [each["KeyId"] for each in client.list_keys()["Keys"]]
        tags = {key: keys.tags_of(client.list_resource_tags(KeyId=key)["Tags"]) for key in listed}
        # One that another took over from has the mark still.
        ours = [
            key
            for key, its in tags.items()
            if its.get(buckets.MARK) == environment.name and its.get(keys.STATE) not in lifecycle.PAST
        ]
        made = ours[0] if ours else client.create_key(Tags=[mark], Description=f"Atoll: {environment.name}")
        key = made if isinstance(made, str) else made["KeyMetadata"]["KeyId"]
        client.create_alias(AliasName=name, TargetKeyId=key)


def _refuse_silent(declared: Kms) -> None:
    """Looks whether somebody says anything where a KMS should be. Any other failure is the engine's to tell.

    Raises:
        UnavailableError: it takes connections, and is silent each time.
    """
    elsewhere = declared.endpoint or endpoints.named("kms", os.environ)
    where = elsewhere or f"https://kms.{declared.region}.amazonaws.com"
    with urllib3.PoolManager(retries=False, timeout=_PATIENCE.total_seconds()) as pool:
        for _ in range(_LOOKS):
            try:
                pool.request("GET", where)
            except urllib3.exceptions.TimeoutError:
                continue
            except urllib3.exceptions.HTTPError:
                return
            return
    raise UnavailableError(
        f"{where}: found no answer within {_LOOKS * _PATIENCE.total_seconds():.0f} s; expected a KMS that answers. "
        "Try again later."
    )


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(seat.LOOPBACK, port, timeout=_PATIENCE.total_seconds())
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
