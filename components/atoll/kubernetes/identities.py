"""What tells one Kubernetes object from another, whatever else its manifest says. Pure."""

from collections.abc import Mapping
from typing import Any

Identity = tuple[str, str, str, str]
"""API group, kind, namespace, name. Versions show the same object."""


def of(manifest: Mapping[str, Any]) -> Identity:
    """What tells an object from every other; empty where the manifest does not say it."""
    metadata, version = _metadata(manifest), str(manifest.get("apiVersion") or "")
    names = manifest.get("kind"), metadata.get("namespace"), metadata.get("name")
    kind, namespace, name = (str(each or "") for each in names)
    return version.rpartition("/")[0], kind, namespace, name


def label(manifest: Mapping[str, Any]) -> str:
    """How people call an object."""
    _, kind, namespace, name = of(manifest)
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def reference(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The least manifest that names the same object."""
    found = _metadata(manifest)
    metadata = {key: found[key] for key in ("name", "namespace") if found.get(key)}
    return {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"], "metadata": metadata}


def _metadata(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    found = manifest.get("metadata")
    return found if isinstance(found, Mapping) else {}
