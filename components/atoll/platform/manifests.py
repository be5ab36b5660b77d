"""What a Kubernetes manifest in an inventory must have, and what may not be in one. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from atoll.core import naming
from atoll.kubernetes import identities
from atoll.platform.problems import shown
from atoll.platform.tree import Path

Finding = tuple[Path, str]
IDENTITY: tuple[Path, ...] = (("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace"))
"""What names an object; it is the same in every cluster."""
_RESERVED = re.compile(r"kube-.*|karmada-(system|cluster|es-.*)")
"""Namespaces that Karmada carries nothing out of.

Source: karmada pkg/util/names.IsReservedNamespace and the default of --skipped-propagating-namespaces.
"""


def at(manifest: Mapping[str, Any], path: Path) -> Any:
    """What stands at a path of maps, or None."""
    value: Any = manifest
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def nameless(manifest: Mapping[str, Any]) -> Iterator[Finding]:
    """What is missing of an object's identity, before variables are filled in."""
    expected = {
        ("apiVersion",): "text, such as apps/v1",
        ("kind",): "text, such as Deployment",
        ("metadata", "name"): "the object's name",
    }
    for path, what in expected.items():
        found = at(manifest, path)
        if not isinstance(found, str) or not found:
            yield path, f"found {shown(found)}; expected {what}"
    namespace = at(manifest, ("metadata", "namespace"))
    if namespace is not None and not isinstance(namespace, str):
        yield ("metadata", "namespace"), f"found {shown(namespace)}; expected a namespace's name"


def unfit(manifest: Mapping[str, Any]) -> Iterator[Finding]:
    """What is wrong with an object that is named; names that still hold a variable are passed over."""
    kind = manifest["kind"]
    if kind.endswith("List") and "items" in manifest:
        yield ("kind",), f"found {kind!r}, a list of objects; expected one object. Give each its own entry"
    if identities.group_kind(manifest) == ("", "Secret"):
        expected = "another kind (it would lie in plain in Git, where everybody with the repository reads it)"
        yield ("kind",), f"found 'Secret'; expected {expected}"
    path: Path = ("metadata", "name") if kind == "Namespace" else ("metadata", "namespace")
    namespace = at(manifest, path)
    if not isinstance(namespace, str) or "${" in namespace:
        return
    if problem := namespace_problem(namespace):
        yield path, problem


def namespace_problem(namespace: str) -> str | None:
    """What keeps a namespace from being one that things are carried to, or None."""
    if problem := naming.dns_label_problem(namespace):
        return f"found {shown(namespace)}; {problem}"
    if _RESERVED.fullmatch(namespace):
        return f"found {namespace!r}; expected another namespace (Karmada never propagates this one)"
    return None
