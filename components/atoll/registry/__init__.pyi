from .builder import Builder, BuilderArgs, Kaniko
from .component import (
    PullThroughCache,
    Registry,
    RegistryArgs,
    ReplicationDestination,
    ReplicationRule,
)
from .container import Container, ContainerArgs
from .helm_logins import HelmLogins, HelmLoginsArgs
from .image import Image, ImageArgs
from .image_copy import ImageCopy, ImageCopyArgs
from .kinds import RegistryKind
from .pull_secret import PullSecret, PullSecretArgs
from .references import ImageRef
from .repository import Encryption, Repository, RepositoryArgs, TagMutability

__all__ = [
    "Builder",
    "BuilderArgs",
    "Container",
    "ContainerArgs",
    "Encryption",
    "HelmLogins",
    "HelmLoginsArgs",
    "Image",
    "ImageArgs",
    "ImageCopy",
    "ImageCopyArgs",
    "ImageRef",
    "Kaniko",
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
