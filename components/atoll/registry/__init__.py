"""Registries, their repositories, and images that are built for them: those of ECR, and those of this machine."""

from atoll.registry.builder import Builder, BuilderArgs
from atoll.registry.component import (
    PullThroughCache,
    Registry,
    RegistryArgs,
    RegistryKind,
    ReplicationDestination,
    ReplicationRule,
)
from atoll.registry.image import Image, ImageArgs
from atoll.registry.pull_secret import PullSecret, PullSecretArgs
from atoll.registry.references import ImageRef
from atoll.registry.repository import Encryption, Repository, RepositoryArgs, TagMutability

__all__ = [
    "Builder",
    "BuilderArgs",
    "Encryption",
    "Image",
    "ImageArgs",
    "ImageRef",
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
