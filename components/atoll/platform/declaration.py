"""An inventory as it is written: the keys there are, and what each may hold. Pure.

A value that does not fit is told as *found; expected*: `Expected` on a field holds the second half.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WrapValidator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from atoll.platform.problems import choice

MOST_NODES = 500
_LABEL_LENGTH = 63
_PREFIX_LENGTH = 253
_LONGEST = timedelta(hours=1)
_LABEL_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_LABEL_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def Expected(text: str, choices: Iterable[str] = ()) -> WrapValidator:  # noqa: N802 - it reads as an annotation
    """Tells every failure of the value below as what was expected instead; of `choices`, the nearest is named."""
    context = {"text": text, "choices": [str(each) for each in choices]}

    def checked(value: Any, handler: Callable[[Any], Any]) -> Any:
        try:
            return handler(value)
        except (ValidationError, ValueError) as error:
            raise PydanticCustomError("expected", "{text}", context) from error

    return WrapValidator(checked)


class Driver(StrEnum):
    """Who brings a cluster or the control plane."""

    LOCAL = "local"
    KUBECONFIG = "kubeconfig"


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
Operations = Annotated[Operation, Field(strict=False), Expected(choice(Operation), Operation)]
Nodes = Annotated[int, Field(ge=0, le=MOST_NODES), Expected(f"a whole number from 0 to {MOST_NODES}")]
Priority = Annotated[int, Expected("a whole number")]
Duration = Annotated[timedelta, _reads(_duration), Expected("a time from 1s to 1h, such as 90s or 2m")]
Pointer = Annotated[
    str, _reads(_pointer), Expected("a JSON pointer, such as /spec/replicas (~1 stands for / and ~0 for ~)")
]


class Declared(BaseModel):
    """A map of the inventory; it takes no key that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel)


class Kubeconfig(Declared):
    """The access to an existing cluster: `file` starts at the checkout where it is relative."""

    file: Text
    context: Text | None = None


class ControlPlane(Declared):
    """The Karmada control plane of the environment."""

    driver: Drivers
    kubeconfig: Kubeconfig | None = None


class Settings(Declared):
    """What a group can give to its clusters and a cluster can say for itself."""

    driver: Drivers | None = None
    nodes: Nodes | None = None
    region: LabelValue | None = None
    zone: LabelValue | None = None
    provider: LabelValue | None = None
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    vars: dict[str, Any] = Field(default_factory=dict)


class Group(Settings):
    """Clusters that share settings; `children` are groups whose clusters belong here too."""

    clusters: list[Name] = Field(default_factory=list)
    children: list[Name] = Field(default_factory=list)
    priority: Priority = 1


class Cluster(Settings):
    """One cluster."""

    groups: list[Name] = Field(default_factory=list)
    kubeconfig: Kubeconfig | None = None


class Patch(Declared):
    """One change to a cluster's copy of an object."""

    op: Operations
    path: Pointer
    value: Any = None


class Reference(Declared):
    """Names an object of the same propagation."""

    kind: Text
    name: Text
    namespace: Text | None = None
    api_version: Text | None = None


class Override(Declared):
    """What is different about one object in some clusters."""

    resource: Reference
    groups: list[Name] = Field(default_factory=list)
    clusters: list[Name] = Field(default_factory=list)
    patches: list[Patch]


class Propagation(Declared):
    """Objects and the clusters that they go to."""

    resources: list[dict[str, Any]]
    groups: list[Name] = Field(default_factory=list)
    clusters: list[Name] = Field(default_factory=list)
    overrides: list[Override] = Field(default_factory=list)
    timeout: Duration = timedelta(seconds=60)


class Declaration(Declared):
    """A whole inventory."""

    control_plane: ControlPlane
    vars: dict[str, Any] = Field(default_factory=dict)
    groups: dict[str, Group] = Field(default_factory=dict)
    clusters: dict[str, Cluster] = Field(default_factory=dict)
    propagations: dict[str, Propagation] = Field(default_factory=dict)
