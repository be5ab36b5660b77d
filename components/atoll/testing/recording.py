"""A Pulumi engine that makes nothing and remembers everything that a program registers."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NoReturn

import pulumi
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import mocks
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.stack import run_pulumi_func

from atoll.core import naming
from atoll.provider.values import SECRET, SIGNATURE

_STACK = "pulumi:pulumi:Stack"

_OUTPUTS = (
    *("access", "endpoint", "identifier", "authority", "token", "impersonatorToken"),
    *("arn", "keyId"),
    *("data", "revision", "sources"),
    *("address", "uri", "instance", "ref"),
    *("reference", "manifests"),
)


_REFERENCE = "pulumi:pulumi:StackReference"
_HELM_RELEASE = "kubernetes:helm.sh/v3:Release"
"""The one resource of somebody else's whose output a component asks for."""


@dataclass(frozen=True)
class Secret:
    """A secret output of another stack."""

    value: Any


@dataclass(frozen=True)
class Registered:
    """One resource as the program registered it; `inputs` keep the marks of secrets."""

    urn: str
    type: str
    name: str
    inputs: dict[str, Any]
    request: Any
    """The whole of what the engine was asked (`RegisterResourceRequest` of its protocol)."""

    @property
    def custom(self) -> bool:
        """Whether a provider makes it; a component is made by nobody."""
        return bool(self.request.custom)

    @property
    def component(self) -> tuple[str, str]:
        """Class and name of the component at the top that it belongs to, which may be itself."""
        parent = self.request.parent
        is_child = not parent.split("::")[2].startswith(_STACK) if parent else False
        urn = parent if is_child else self.urn
        return urn.split("::")[2].split("$")[0].rpartition(":")[2], urn.rpartition("::")[2]


class _Monitor(mocks.MockMonitor):
    """Keeps each whole request and answers with its inputs and, for Atoll's own resources, with made-up outputs.

    The one it stands on would answer through `Mocks` and open an event loop in every thread for that.
    """

    def __init__(self, references: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(_Nothing())
        self._references = references
        self.registered: dict[str, Registered] = {}
        self.exported: dict[str, dict[str, Any]] = {}

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """A URN as the engine makes it: all types on the way down, without the stack's."""
        above = parent.split("::")[2] if parent else _STACK
        chain = type_ if above == _STACK else f"{above}${type_}"
        return f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{chain}::{name}"

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        """Keeps the outputs of components."""
        # Those of the stack come whenever they like, or never: nobody waits for them.
        if request.urn in self.registered:
            self.exported[request.urn] = json_format.MessageToDict(request.outputs)
        return empty_pb2.Empty()

    def ReadResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        """Answers for other stacks, and for nothing else that exists."""
        if request.type != _REFERENCE:
            raise AssertionError(request.name)
        properties = struct_pb2.Struct()
        properties.update({"name": request.id, **self._referred(request.id)})
        urn = self.make_urn(request.parent, request.type, request.name)
        return resource_pb2.ReadResourceResponse(urn=urn, properties=properties)

    def _referred(self, stack: str) -> dict[str, Any]:
        if stack not in self._references:
            raise AssertionError(
                f"stack {stack}: found a reference to it; expected its outputs in `references`"
            )
        outputs = self._references[stack]
        return {
            "outputs": {name: _marked(value) for name, value in outputs.items()},
            "secretOutputNames": [name for name, value in outputs.items() if isinstance(value, Secret)],
        }

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        """Keeps the resource, and answers for its provider."""
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == _STACK:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        if urn in self.registered:
            raise AssertionError(f"{urn} is registered twice")
        inputs = json_format.MessageToDict(request.object)
        self.registered[urn] = Registered(urn, request.type, request.name, inputs, request)
        return resource_pb2.RegisterResourceResponse(
            urn=urn, id=f"{request.name}/id", object=_outputs(request)
        )


def _outputs(request: Any) -> struct_pb2.Struct:
    """Inputs and outputs, secret where the request asks for it, as the engine has it."""
    made = struct_pb2.Struct()
    made.CopyFrom(request.object)
    if request.custom and request.type.startswith("atoll:"):
        for name in _OUTPUTS:
            if name not in made.fields:
                made.fields[name].string_value = f"{request.name}/{name}"
    if request.type == _HELM_RELEASE:
        made.fields["status"].struct_value.update({"revision": 1})
    for name in request.additionalSecretOutputs:
        secret = made.fields[name].struct_value
        value = f"{request.name}/{name}"
        secret.update({SIGNATURE: SECRET, "value": value})
    return made


def _marked(value: Any) -> Any:
    return {SIGNATURE: SECRET, "value": value.value} if isinstance(value, Secret) else value


class _Nothing(mocks.Mocks):
    """Answers nothing: a component that asks a provider while the program runs is no component of ours."""

    def new_resource(self, args: mocks.MockResourceArgs) -> NoReturn:
        raise AssertionError(args.name)

    def call(self, args: mocks.MockCallArgs) -> NoReturn:
        raise AssertionError(args.token)


@dataclass(frozen=True)
class Record:
    """What a program registered: resources by URN in the order they came, and the outputs of components."""

    resources: dict[str, Registered]
    exported: dict[str, dict[str, Any]]

    def of_type(self, suffix: str) -> list[Registered]:
        """The resources whose type ends like this."""
        return [each for each in self.resources.values() if each.type.endswith(suffix)]


def record(
    program: Callable[[], Any],
    stack: str,
    project: str = naming.PACKAGE,
    references: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> Record:
    """Runs a program as a stack of a project, and tells what it registered.

    Nothing is made: what a provider would answer is made up, as text that ends in the output's name. `references` are the
    outputs of other stacks, {full name of the stack: {output: value}}, of which some may be a `Secret`.

    Raises:
        AssertionError: the program asks a provider while it runs, registers something twice, or refers to a stack that is
            not among those.
    """
    monitor = _Monitor(references)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        mocks.set_mocks(monitor.mocks, project=project, stack=stack, preview=False, monitor=monitor)
        loop.run_until_complete(run_pulumi_func(program))
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    return Record(monitor.registered, monitor.exported)


def plain(value: Any) -> Any:
    """Inputs without the marks of secrets."""
    if isinstance(value, dict):
        return (
            plain(value["value"])
            if SIGNATURE in value
            else {key: plain(child) for key, child in value.items()}
        )
    return [plain(child) for child in value] if isinstance(value, list) else value


def open_texts(value: Any) -> set[str]:
    """Every text in some inputs that is not inside a secret."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, dict):
        return (
            set() if SIGNATURE in value else {text for child in value.values() for text in open_texts(child)}
        )
    return {text for child in value for text in open_texts(child)} if isinstance(value, list) else set()
