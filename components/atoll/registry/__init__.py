"""Registries and their repositories: those of ECR, and those of this machine."""

from atoll.registry.component import (
    PullThroughCache,
    Registry,
    RegistryArgs,
    RegistryKind,
    ReplicationDestination,
    ReplicationRule,
)
from atoll.registry.pull_secret import PullSecret, PullSecretArgs
from atoll.registry.repository import Encryption, Repository, RepositoryArgs, TagMutability

__all__ = [
    "Encryption",
    "PullSecret",
    "PullSecretArgs",
    "PullThroughCache",
    "Registry",
    "RegistryArgs",
    "RegistryKind",
    "ReplicationDestination",
    "ReplicationRule",
    "Repository",
    "RepositoryArgs",
    "TagMutability",
]
