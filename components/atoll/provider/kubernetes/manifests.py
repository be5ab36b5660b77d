"""What a manifest is called. Pure."""

from typing import Any

Manifest = dict[str, Any]

CRD = ("apiextensions.k8s.io", "CustomResourceDefinition")
SECRET = ("", "Secret")


def group(manifest: Manifest) -> str:
    """The API group; empty for the core group."""
    prefix, slash, _ = str(manifest.get("apiVersion", "")).partition("/")
    return prefix if slash else ""


def group_kind(manifest: Manifest) -> tuple[str, str]:
    """Group and kind: what an object is, whatever the version."""
    return group(manifest), str(manifest.get("kind", ""))


def metadata(manifest: Manifest) -> Manifest:
    """The metadata; empty where there is none or it is not known yet."""
    found = manifest.get("metadata")
    return found if isinstance(found, dict) else {}


def identifier(manifest: Manifest) -> str:
    """The resource's id: `namespace/name`, or the name of what lives in no namespace."""
    found = metadata(manifest)
    name = str(found.get("name", ""))
    return f"{found['namespace']}/{name}" if found.get("namespace") else name
