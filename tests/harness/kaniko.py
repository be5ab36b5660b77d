"""Builds by Kaniko, each of which says something else; their manifests are golden, and tried on a real API server."""

from datetime import timedelta
from typing import Any

from atoll.registry.kaniko import Build

EXECUTOR = f"registry.example.com/kaniko/executor@sha256:{'4e' * 32}"
OWNER = {"metadata": {"uid": "8c5f0d5e-6d5e-4a2f-9a53-0f7c2d1b6a90"}}
_LITTLE: dict[str, Any] = {
    "name": "app",
    "namespace": "default",
    "executor": EXECUTOR,
    "repository": "registry.example.com/team/app",
    "context": b"packed",
    "dockerfile": b"FROM scratch\n",
}
CASES: dict[str, dict[str, Any]] = {
    "little": {},
    "all": {
        "tags": ("1", "1.2"),
        "target": "run",
        "platform": "linux/arm64",
        "build_args": {"B": "two words", "A": "1=2"},
        "labels": {"org.example.team": "one"},
        "cache": "registry.example.com/team/cache",
        "resources": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "2Gi"}},
        "timeout": timedelta(minutes=5),
    },
    "authorities": {
        "repository": "127.0.0.1:5000/team/app",
        "authorities": {"127.0.0.1:5000": "-----BEGIN CERTIFICATE-----\nb\n", "10.0.0.1": "-----BEGIN\na\n"},
    },
    "long-name": {"name": "a" * 39 + "-" + "b" * 23},
}


def build(case: str) -> Build:
    """The build of a case."""
    return Build(**(_LITTLE | CASES[case]))
