"""What a program declares, made complete before it is compared: its name, its namespace. Pure but for discovery."""

from collections.abc import Mapping
from typing import Any

from atoll.core.errors import ArgsError, UnavailableError
from atoll.kubernetes import identities
from atoll.provider import autonaming, values
from atoll.provider.kubernetes import annotations, kinds, manifests
from atoll.provider.kubernetes.connection import Connection
from atoll.provider.kubernetes.manifests import Manifest

_HOOK = "helm.sh/hook"


def complete(request: Any, declared: Manifest, old: Manifest, connection: Connection) -> Manifest:
    """The declared manifest with API version, kind, name and namespace; `old` is what was declared before."""
    version, kind = kinds.type_of(request.type)
    manifest = {"apiVersion": version, "kind": kind, **declared}
    if not isinstance(manifest.setdefault("metadata", {}), dict):
        return manifest
    manifest["metadata"] = dict(manifest["metadata"])
    if kinds.is_patch(request.type, manifest) and not manifest["metadata"].get("name"):
        raise ArgsError(
            "metadata.name: found none; expected the name of an object that exists (a Patch changes some of its fields)"
        )
    _name(request, manifest["metadata"], identities.metadata(old))
    if "namespace" not in manifest["metadata"] and (namespace := _namespace(manifest, old, connection)):
        manifest["metadata"]["namespace"] = namespace
    if identities.group_kind(manifest) == manifests.CRD:
        connection.remember(manifest)
    return manifest


def has_hooks(manifest: Manifest) -> bool:
    """Whether an object is a hook of Helm's, which nothing here runs."""
    found = identities.metadata(manifest).get("annotations")
    return isinstance(found, dict) and any(name.startswith(_HOOK) for name in found)


def _name(request: Any, metadata: Manifest, old: Mapping[str, Any]) -> None:
    if metadata.get("name"):
        return
    if metadata.get("generateName"):
        raise ArgsError(
            "metadata.generateName: found a name for the server to finish; expected metadata.name, or neither "
            "(server-side apply has no generated names)"
        )
    if annotations.is_true({"metadata": old}, annotations.AUTONAMED):
        metadata["name"] = old["name"]
    else:
        metadata["name"] = autonaming.new_name(request, "metadata.name")
    metadata["annotations"] = dict(metadata.get("annotations") or {})
    annotations.mark(metadata, annotations.AUTONAMED)


def _namespace(manifest: Manifest, old: Manifest, connection: Connection) -> str:
    """The namespace of an object that declares none.

    Where nobody can be asked it stays what it was, so that a preview shows no replacement for want of an answer.
    """
    before = str(identities.metadata(old).get("namespace", ""))
    if not connection.known or values.has_unknown([manifest["apiVersion"], manifest["kind"]]):
        return before
    try:
        namespaced = connection.namespaced(manifest)
    except UnavailableError:
        return before
    # A kind that nobody knows yet is taken to be namespaced, as most are; Diff forgives it where it is not.
    return connection.namespace if namespaced in (True, None) else ""
