"""Makes the children of a yaml.v2.ConfigGroup by registering them straight with the engine's resource monitor."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from glob import glob
from pathlib import Path
from typing import Any

import grpc

from atoll.core.errors import ArgsError, AtollError, RefusedError
from atoll.provider import protocol, values, versions
from atoll.provider.engine import Engine
from atoll.provider.kubernetes import groups, kinds, state
from atoll.provider.kubernetes.connection import Connection
from atoll.provider.kubernetes.groups import Member
from atoll.provider.kubernetes.manifests import Manifest

_PARALLEL = 32
_IDENTITY_FIELDS = ("apiVersion", "kind")
_INHERITED = ("protect", "retainOnDelete", "deletedWith")
"""Options that children take from their parent, as the SDKs have it."""


class Group:
    """One ConfigGroup while its children are made."""

    def __init__(self, request: Any, connection: Connection, engine: Engine) -> None:
        if request.type != kinds.CONFIG_GROUP:
            raise RefusedError(
                f"{request.type}: found a component that the stand-in for pulumi-resource-kubernetes does not "
                f"serve; expected {kinds.CONFIG_GROUP}. Use the official plugin for it."
            )
        self._request, self._connection, self._engine = request, connection, engine
        self._args = values.decode(request.inputs)
        channel = grpc.insecure_channel(request.monitorEndpoint, options=protocol.OPTIONS)
        self._monitor = protocol.resource_services.ResourceMonitorStub(channel)

    def construct(self) -> Any:
        """Registers the component and its children; returns what the engine is told."""
        urn = self._register(self._component()).urn
        outputs = values.encode({"resources": self._children(urn)})
        answer = protocol.resource.RegisterResourceOutputsRequest(urn=urn, outputs=outputs)
        self._monitor.RegisterResourceOutputs(answer)
        return protocol.provider.ConstructResponse(urn=urn, state=outputs)

    def _component(self) -> Any:
        request = self._request
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
        args = self._args.value
        if any(
            _is_unknown(args.get(name)) for name in ("yaml", "files", "objs", "resourcePrefix", "skipAwait")
        ):
            self._engine.warn(parent, "its inputs are not known yet, so its objects are not in this preview")
            return []
        members = [self._placed(member) for member in self._members()]
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

    def _members(self) -> Iterator[Member]:
        args, secrets = self._args.value, self._args.secrets
        for path in _files(args.get("files") or []):
            yield from groups.parsed(_text(path), path)
        yield from groups.parsed(args.get("yaml") or "", "yaml", secret=("yaml",) in secrets)
        for index, entry in enumerate(args.get("objs") or []):
            yield from groups.expanded(entry, f"objs[{index}]", groups.within(secrets, ("objs", index)))

    def _placed(self, member: Member) -> Member:
        namespace = self._connection.namespace if self._is_namespaced(member.manifest) else ""
        return groups.placed(member, namespace, skip_await=bool(self._args.value.get("skipAwait")))

    def _is_namespaced(self, manifest: Manifest) -> bool:
        if self._connection.problem is not None:
            return kinds.probably_namespaced(manifest)
        return self._connection.namespaced(manifest) is not False

    def _child(self, member: Member, parent: str, dependencies: list[str]) -> Any:
        request, prefix = self._request, self._args.value.get("resourcePrefix", self._request.name)
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
            **inherited,
        )

    def _register(self, request: Any) -> Any:
        try:
            answer = self._monitor.RegisterResource(request)
        except grpc.RpcError as error:
            raise AtollError(f"{request.type} {request.name}: not registered: {error.details()}") from error
        if answer.result != protocol.resource.SUCCESS:
            raise AtollError(
                f"{request.type} {request.name}: failed, so what follows it in the group was left out"
            )
        return answer


def _is_unknown(value: Any) -> bool:
    """Whether a group's objects cannot be told; fields of them may be unknown."""
    if isinstance(value, list):
        return any(_is_unknown(entry) for entry in value)
    if isinstance(value, dict):
        metadata = value.get("metadata")
        names = [value.get(field) for field in _IDENTITY_FIELDS] + [metadata]
        if isinstance(metadata, Mapping):
            names += [metadata.get("name"), metadata.get("namespace")]
        return values.UNKNOWN in names
    return bool(value == values.UNKNOWN)


def _files(patterns: list[str]) -> Iterator[str]:
    for pattern in patterns:
        if "://" in pattern:
            raise ArgsError(f"files: found {pattern!r}; expected a path (the stand-in downloads nothing)")
        # What is no pattern is taken as it is, so that a missing file is told.
        yield from sorted(glob(pattern)) or [pattern]  # noqa: PTH207 - Path.glob takes no absolute pattern


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ArgsError(f"files: found {path!r} ({error.strerror}); expected a readable file") from error


def _reference(answer: Any) -> dict[str, Any]:
    return {
        values.SIGNATURE: values.REFERENCE,
        "urn": answer.urn,
        "id": answer.id or values.UNKNOWN,
        "packageVersion": versions.KUBERNETES,
    }
