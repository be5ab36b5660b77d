"""The kinds of registries, and what one kind alone can be told. Pure."""

from collections.abc import Mapping
from enum import StrEnum


class RegistryKind(StrEnum):
    """Who keeps images and charts: the distribution registry as a process of this machine, or Amazon's ECR."""

    OCI = "oci"
    ECR = "ecr"


REGISTRY_ONLY: Mapping[RegistryKind, frozenset[str]] = {
    RegistryKind.OCI: frozenset({"users", "force_delete"}),
    RegistryKind.ECR: frozenset({"region", "endpoint", "replication", "pull_through_cache"}),
}
"""The arguments of a registry that one kind alone has."""
REPOSITORY_ONLY: Mapping[RegistryKind, frozenset[str]] = {
    RegistryKind.OCI: frozenset(),
    RegistryKind.ECR: frozenset(
        {
            "tag_mutability",
            "exclusions",
            "scan_on_push",
            "encryption",
            "lifecycle_policy",
            "policy",
            "tags",
        }
    ),
}
"""The arguments of a repository that one kind alone has."""
