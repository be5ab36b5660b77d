from .component import (
    PullThroughCache,
    Registry,
    RegistryArgs,
    ReplicationDestination,
    ReplicationRule,
)
from .kinds import RegistryKind
from .pull_secret import PullSecret, PullSecretArgs
from .repository import Encryption, Repository, RepositoryArgs, TagMutability

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
