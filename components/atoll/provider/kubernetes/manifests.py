"""Manifests, and the kinds among them that are treated apart. Pure."""

from typing import Any

Manifest = dict[str, Any]

CRD = ("apiextensions.k8s.io", "CustomResourceDefinition")
SECRET = ("", "Secret")
