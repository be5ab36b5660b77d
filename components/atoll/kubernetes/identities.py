"""What tells one Kubernetes object from another, whatever else its manifest says. Pure."""

from collections.abc import Mapping
from typing import Any

Identity = tuple[str, str, str, str]
"""API group, kind, namespace, name. Versions show the same object."""


def of(manifest: Mapping[str, Any]) -> Identity:
    """What tells an object from every other; empty where the manifest does not say it."""
    found, version = metadata(manifest), str(manifest.get("apiVersion") or "")
    names = manifest.get("kind"), found.get("namespace"), found.get("name")
    kind, namespace, name = (str(each or "") for each in names)
    return version.rpartition("/")[0], kind, namespace, name


def group_kind(manifest: Mapping[str, Any]) -> tuple[str, str]:
    """What an object is, whatever the version; the core group is empty."""
    return of(manifest)[:2]


def identifier(manifest: Mapping[str, Any]) -> str:
    """A resource's id: `namespace/name`, or the name of what lives in no namespace."""
    _, _, namespace, name = of(manifest)
    return f"{namespace}/{name}" if namespace else name


def label(manifest: Mapping[str, Any]) -> str:
    """How people call an object."""
    return f"{of(manifest)[1]} {identifier(manifest)}"


def reference(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The least manifest that names the same object."""
    found = metadata(manifest)
    named = {key: found[key] for key in ("name", "namespace") if found.get(key)}
    return {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"], "metadata": named}


def metadata(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """The metadata; empty where there is none or it is not known yet."""
    found = manifest.get("metadata")
    return found if isinstance(found, Mapping) else {}
