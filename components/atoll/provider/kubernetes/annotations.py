"""The annotations by which a manifest speaks to the plugin. Pure.

Source: https://www.pulumi.com/registry/packages/kubernetes/#annotations (pulumi.com/*).
"""

from typing import Any

AUTONAMED = "pulumi.com/autonamed"
SKIP_AWAIT = "pulumi.com/skipAwait"
WAIT_FOR = "pulumi.com/waitFor"
TIMEOUT = "pulumi.com/timeoutSeconds"
PATCH_FORCE = "pulumi.com/patchForce"
FIELD_MANAGER = "pulumi.com/patchFieldManager"
PROPAGATION = "pulumi.com/deletionPropagationPolicy"
REPLACE_UNREADY = "pulumi.com/replaceUnready"

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""What kubectl keeps beside an object: a copy of it, secrets and all."""

_POLICIES = {"orphan": "Orphan", "background": "Background", "foreground": "Foreground"}


def value(manifest: dict[str, Any], name: str) -> str:
    """An annotation's value, or an empty string."""
    metadata = manifest.get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, dict) else None
    return str(found.get(name) or "") if isinstance(found, dict) else ""


def is_true(manifest: dict[str, Any], name: str) -> bool:
    """Whether an annotation says "true"."""
    return value(manifest, name) == "true"


def mark(metadata: dict[str, Any], name: str) -> None:
    """Sets an annotation to "true", unless the annotations are not known yet."""
    if isinstance(metadata.setdefault("annotations", {}), dict):
        metadata["annotations"][name] = "true"


def propagation(manifest: dict[str, Any]) -> str:
    """What becomes of an object's dependents when it is deleted; foreground unless the manifest says otherwise."""
    return _POLICIES.get(value(manifest, PROPAGATION).lower(), "Foreground")


def time_limit(manifest: dict[str, Any], custom: float, default: float) -> float:
    """Seconds to wait: the resource option `customTimeouts` first, then the annotation, then the default."""
    written = value(manifest, TIMEOUT)
    return custom or (float(written) if written.isdecimal() else default)
