"""Makes the children of a remote component by registering them straight with the engine's resource monitor."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from atoll.core.errors import AtollError
from atoll.kubernetes import probably_namespaced
from atoll.provider import protocol, values, versions
from atoll.provider.engine import Engine
from atoll.provider.kubernetes import assets, groups, state
from atoll.provider.kubernetes.connection import Connection
from atoll.provider.kubernetes.groups import Member
from atoll.provider.kubernetes.manifests import Manifest

_PARALLEL = 32
_INHERITED = ("protect", "retainOnDelete", "deletedWith")
"""Options that children take from their parent, as the SDKs have it."""


class Construction(ABC):
    """One component while its children are made."""

    def __init__(self, request: Any, connection: Connection, engine: Engine) -> None:
        self.request, self.connection, self.engine = request, connection, engine
        self.args = values.decode(assets.read(request.inputs))
        channel = grpc.insecure_channel(request.monitorEndpoint, options=protocol.OPTIONS)
        self._monitor = protocol.resource_services.ResourceMonitorStub(channel)

    @abstractmethod
    def members(self) -> Iterable[Member]:
        """The objects of the component, as they were written."""

    @abstractmethod
    def is_unknown(self) -> bool:
        """Whether its objects cannot be told yet."""

    def options(self, member: Member) -> dict[str, Any]:  # noqa: ARG002 - for those whose objects tell some
        """The options of a child beside those that it inherits."""
        return {}

    @property
    def default_namespace(self) -> str:
        """Where objects live that name no namespace."""
        return self.connection.namespace

    def construct(self) -> Any:
        """Registers the component and its children; returns what the engine is told."""
        urn = self._register(self._component()).urn
        outputs = values.encode({"resources": self._children(urn)})
        answer = protocol.resource.RegisterResourceOutputsRequest(urn=urn, outputs=outputs)
        self._monitor.RegisterResourceOutputs(answer)
        return protocol.provider.ConstructResponse(urn=urn, state=outputs)

    def _component(self) -> Any:
        request = self.request
        return protocol.resource.RegisterResourceRequest(
            type=request.type,
            name=request.name,
            parent=request.parent,
            custom=False,
            protect=request.protect,
            providers=request.providers,
            dependencies=request.dependencies,
            aliases=request.aliases,
            acceptSecrets=True,
            acceptResources=True,
            supportsResultReporting=True,
        )

    def _children(self, parent: str) -> list[dict[str, Any]]:
        if self.is_unknown():
            self.engine.warn(parent, "its inputs are not known yet, so its objects are not in this preview")
            return []
        members = [self._placed(member) for member in self.members()]
        made: dict[groups.Key, Any] = {}
        with ThreadPoolExecutor(_PARALLEL) as threads:
            for wave in groups.waves(members):
                requests = [
                    self._child(member, parent, [made[key].urn for key in sorted(needed)])
                    for member, needed in wave
                ]
                answers = threads.map(self._register, requests)
                made |= {member.key: answer for (member, _), answer in zip(wave, answers, strict=True)}
        return [_reference(made[member.key]) for member in members]

    def _placed(self, member: Member) -> Member:
        namespace = self.default_namespace if self._is_namespaced(member.manifest) else ""
        return groups.placed(member, namespace, skip_await=bool(self.args.value.get("skipAwait")))

    def _is_namespaced(self, manifest: Manifest) -> bool:
        if self.connection.problem is not None:
            return probably_namespaced(str(manifest.get("kind")))
        return self.connection.namespaced(manifest) is not False

    def _child(self, member: Member, parent: str, dependencies: list[str]) -> Any:
        request, prefix = self.request, self.args.value.get("resourcePrefix", self.request.name)
        inherited = {name: getattr(request, name) for name in _INHERITED if getattr(request, name)}
        return protocol.resource.RegisterResourceRequest(
            type=groups.token(member.manifest),
            name=groups.name(prefix, member.manifest),
            parent=parent,
            custom=True,
            object=state.write_inputs(values.Decoded(member.manifest, member.secrets)),
            dependencies=dependencies,
            provider=request.providers.get("kubernetes", ""),
            version=versions.KUBERNETES,
            acceptSecrets=True,
            acceptResources=True,
            supportsPartialValues=True,
            supportsResultReporting=True,
            **{**inherited, **self.options(member)},
        )

    def _register(self, request: Any) -> Any:
        try:
            answer = self._monitor.RegisterResource(request)
        except grpc.RpcError as error:
            raise AtollError(f"{request.type} {request.name}: not registered: {error.details()}") from error
        if answer.result != protocol.resource.SUCCESS:
            raise AtollError(f"{request.type} {request.name}: failed, so what follows it was left out")
        return answer


def _reference(answer: Any) -> dict[str, Any]:
    return {
        values.SIGNATURE: values.REFERENCE,
        "urn": answer.urn,
        "id": answer.id or values.UNKNOWN,
        "packageVersion": versions.KUBERNETES,
    }
