"""What a value of an inventory may hold, and how it is read. Pure.

A value that does not fit is told as *found; expected*: `Expected` on a field holds the second half.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, WrapValidator
from pydantic_core import PydanticCustomError

from atoll.charts import source
from atoll.core import naming
from atoll.federation.works import ConflictResolution
from atoll.platform.problems import choice
from atoll.registry import repositories
from atoll.registry.kinds import RegistryKind
from atoll.secrets import generated, grants, key_rules, message
from atoll.secrets import keys as kms_keys

MOST_NODES = 500
_LABEL_LENGTH = 63
_PREFIX_LENGTH = 253
_LONGEST = timedelta(hours=1)
_LABEL_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_LABEL_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_DAYS = re.compile(r"(\d{1,5})d")
_OFF = ("off", False)
"""YAML reads the bare word as false."""
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def Expected(  # noqa: N802 - it reads as an annotation
    text: str, choices: Iterable[str] = (), *, hidden: bool = False
) -> WrapValidator:
    """Tells every failure of the value below as what was expected instead; of `choices`, the nearest is named.

    A `hidden` value is not shown: it may be a secret that somebody forgot to seal.
    """
    context = {"text": text, "choices": [str(each) for each in choices], "hidden": hidden}

    def checked(value: Any, handler: Callable[[Any], Any]) -> Any:
        try:
            return handler(value)
        except (ValidationError, ValueError) as error:
            raise PydanticCustomError("expected", "{text}", context) from error

    return WrapValidator(checked)


class Plugin(StrEnum):
    """A plugin of the engine that a program may use beside what its inventory declares."""

    DOCKER = "docker"


class Driver(StrEnum):
    """Who brings a cluster."""

    LOCAL = "local"
    KUBECONFIG = "kubeconfig"


class PlaneDriver(StrEnum):
    """Who brings the control plane."""

    LOCAL = "local"
    KUBECONFIG = "kubeconfig"
    CHART = "chart"


class Keeper(StrEnum):
    """Who keeps the environment's keys: a KMS of this machine, or Amazon's (and what speaks its API)."""

    LOCAL = "local"
    AWS = "aws"


class TagMutability(StrEnum):
    """Whether a tag of a repository can come to mean another image."""

    IMMUTABLE = "immutable"
    MUTABLE = "mutable"


class Operation(StrEnum):
    """What a patch does, in the words of RFC 6902 that Karmada takes."""

    ADD = "add"
    REPLACE = "replace"
    REMOVE = "remove"


def _label_value(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LABEL_LENGTH:
        raise ValueError(value)
    if value and not _LABEL_NAME.fullmatch(value):
        raise ValueError(value)
    return value


def _label_key(value: Any) -> str:
    prefix, slash, name = str(value).rpartition("/")
    if slash and (len(prefix) > _PREFIX_LENGTH or not _LABEL_PREFIX.fullmatch(prefix)):
        raise ValueError(value)
    if not name:
        raise ValueError(value)
    return (prefix + slash) + _label_value(name)


def _duration(value: Any) -> timedelta:
    found = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
    if not found:
        raise ValueError(value)
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    length = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if not timedelta() < length <= _LONGEST:
        raise ValueError(value)
    return length


def _sealed(value: Any) -> str:
    # What it is bound to is looked at by who opens it: that takes a library which no other command waits for.
    if not isinstance(value, str) or message.is_text(message.binary(value)):
        raise ValueError("not sealed")
    return value


def _map_of_sealed(value: Any) -> Any:
    if not isinstance(value, dict):
        raise PydanticCustomError("expected", "{text}", {"text": "a map of sealed values", "hidden": True})
    return value


def _secret_key(value: Any) -> str:
    if not isinstance(value, str) or naming.data_key_problem(value):
        raise ValueError(value)
    return value


def _secret_source(value: Any) -> tuple[str, str]:
    name, _, key = value.partition("/") if isinstance(value, str) else ("", "", "")
    if naming.dns_label_problem(name) or naming.data_key_problem(key):
        raise ValueError("no source")
    return name, key


def _map_of_sources(value: Any) -> Any:
    if not isinstance(value, dict):
        raise PydanticCustomError(
            "expected", "{text}", {"text": "a map of NAME/KEY of sealed secrets", "hidden": True}
        )
    return value


def _days(limits: tuple[int, int], value: Any) -> timedelta:
    found = _DAYS.fullmatch(value) if isinstance(value, str) else None
    if not found or not limits[0] <= int(found.group(1)) <= limits[1]:
        raise ValueError(value)
    return timedelta(days=int(found.group(1)))


def _rotation(value: Any) -> timedelta | None:
    return None if value in _OFF else _days(key_rules.ROTATION_DAYS, value)


def _window(value: Any) -> timedelta:
    return _days(key_rules.DELETION_DAYS, value)


def _one_of(names: Iterable[str]) -> WrapValidator:
    known = frozenset(names)

    def read(value: Any) -> str:
        if value not in known:
            raise ValueError(value)
        return str(value)

    return _reads(read)


def _pointer(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"(/([^~/]|~0|~1)*)+", value):
        raise ValueError(value)
    return value


@dataclass(frozen=True)
class _Parsed:
    """Takes the place of pydantic's own reading of a type."""

    parse: Callable[[Any], Any]

    def __call__(self, value: Any, _handler: Callable[[Any], Any]) -> Any:
        return self.parse(value)


def _reads(parse: Callable[[Any], Any]) -> WrapValidator:
    return WrapValidator(_Parsed(parse))


Text = Annotated[str, Field(min_length=1), Expected("text")]
Name = Annotated[str, Field(min_length=1), Expected("a name")]
Bucket = Annotated[
    str,
    # A dot in it would make a host name that no certificate is for.
    Field(pattern=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$"),
    Expected("the name of a bucket: 3 to 63 of a-z 0-9 -"),
]
LabelKey = Annotated[
    str,
    _reads(_label_key),
    Expected("a label's key: [prefix/]name, the name at most 63 of A-Z a-z 0-9 - _ ."),
]
LabelValue = Annotated[
    str,
    _reads(_label_value),
    Expected(
        "text that fits a label: at most 63 of A-Z a-z 0-9 - _ ., beginning and ending with a letter or digit"
    ),
]
Drivers = Annotated[Driver, Field(strict=False), Expected(choice(Driver), Driver)]
PlaneDrivers = Annotated[PlaneDriver, Field(strict=False), Expected(choice(PlaneDriver), PlaneDriver)]
Replicas = Annotated[
    Literal[1, 3, 5], Expected("1, 3 or 5 (the members of an etcd: an even number of them lives no longer)")
]
Size = Annotated[str, Field(pattern=r"^[1-9][0-9]*(Ki|Mi|Gi|Ti|K|M|G|T)$"), Expected("a size, such as 8Gi")]
Address = Annotated[
    str,
    Field(pattern=r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?$"),
    Expected("an address, such as https://karmada.example.com:5443"),
]
Keepers = Annotated[Keeper, Field(strict=False), Expected(choice(Keeper), Keeper)]
Plugins = Annotated[Plugin, Field(strict=False), Expected(choice(Plugin), Plugin)]
RegistryKinds = Annotated[RegistryKind, Field(strict=False), Expected(choice(RegistryKind), RegistryKind)]
Mutabilities = Annotated[TagMutability, Field(strict=False), Expected(choice(TagMutability), TagMutability)]
Encryptions = Annotated[
    str,
    _one_of(repositories.ENCRYPTIONS),
    Expected(choice(repositories.ENCRYPTIONS), repositories.ENCRYPTIONS),
]
Operations = Annotated[Operation, Field(strict=False), Expected(choice(Operation), Operation)]
Conflicts = Annotated[
    ConflictResolution, Field(strict=False), Expected(choice(ConflictResolution), ConflictResolution)
]
Nodes = Annotated[int, Field(ge=0, le=MOST_NODES), Expected(f"a whole number from 0 to {MOST_NODES}")]
Priority = Annotated[int, Expected("a whole number")]
Duration = Annotated[timedelta, _reads(_duration), Expected("a time from 1s to 1h, such as 90s or 2m")]
SealedValue = Annotated[
    str, _reads(_sealed), Expected("a sealed value, as `atoll secrets seal` gives it", hidden=True)
]
SecretKey = Annotated[
    str, _reads(_secret_key), Expected("a key of a Secret: A-Z, a-z, 0-9, '-', '_' and '.', at most 253")
]
SealedValues = Annotated[dict[SecretKey, SealedValue], BeforeValidator(_map_of_sealed)]
Length = Annotated[
    int,
    Field(ge=generated.CHARACTERS[0], le=generated.CHARACTERS[1]),
    Expected("a number of characters from {} to {}".format(*generated.CHARACTERS)),
]
GeneratedValues = dict[SecretKey, Length]
SecretSource = Annotated[
    tuple[str, str],
    _reads(_secret_source),
    Expected("NAME/KEY, a value of one of sealedSecrets", hidden=True),
]
SecretSources = Annotated[dict[SecretKey, SecretSource], BeforeValidator(_map_of_sources)]
"""By the id that a Dockerfile calls it, where a secret of a build is: a sealed secret and a key of it."""
Rotation = Annotated[
    timedelta | None,
    _reads(_rotation),
    Expected("days from {}d to {}d, or off".format(*key_rules.ROTATION_DAYS)),
]
Window = Annotated[
    timedelta, _reads(_window), Expected("days from {}d to {}d".format(*key_rules.DELETION_DAYS))
]
KeySpec = Annotated[str, _one_of(kms_keys.USAGES), Expected(choice(kms_keys.USAGES), kms_keys.USAGES)]
GrantOperation = Annotated[
    str,
    _one_of(grants.OPERATIONS),
    Expected("an operation of KMS, such as Decrypt or GenerateDataKey", grants.OPERATIONS),
]
CHART_FIELDS = ("publication", *source.NAMED, "registry")
ChartField = Annotated[str, _one_of(CHART_FIELDS), Expected(choice(CHART_FIELDS), CHART_FIELDS)]
Platform = Annotated[
    str, Field(pattern=r"^[a-z0-9]+/[a-z0-9]+(/v\d+)?$"), Expected("a platform, such as linux/arm64")
]
Tag = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$"),
    Expected("a tag: at most 128 of A-Z a-z 0-9 . _ -"),
]
Published = Annotated[
    str,
    Field(pattern=r"^[1-9]\d{0,4}:[1-9]\d{0,4}$"),
    Expected("a port of the machine and one of the container, such as 8080:80"),
]
Endpoint = Annotated[
    str,
    Field(pattern=r"^(unix:///|tcp://).+$"),
    Expected("unix://PATH or tcp://HOST:PORT of a Docker engine"),
]
Flag = Annotated[bool, Expected("true or false")]
Policy = Annotated[dict[str, Any] | str, Expected("a policy, as a map or JSON")]
Entry = Annotated[str, Expected("text")]
Pointer = Annotated[
    str, _reads(_pointer), Expected("a JSON pointer, such as /spec/replicas (~1 stands for / and ~0 for ~)")
]
