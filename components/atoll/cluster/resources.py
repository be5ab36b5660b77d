"""The program side of the clusters that Atoll's own provider makes or takes up."""

from typing import ClassVar

import pulumi

from atoll.core.component import Resource

_OUTPUTS = ("access", "endpoint", "identifier")


class LocalCluster(Resource):
    """A cluster as processes of this machine."""

    outputs: ClassVar[tuple[str, ...]] = _OUTPUTS
    access: pulumi.Output[str]
    """A kubeconfig with credentials inside; secret."""
    endpoint: pulumi.Output[str]
    """The address of the API server."""
    identifier: pulumi.Output[str]
    """The UID of kube-system."""


class ExistingCluster(Resource):
    """A cluster that somebody else runs, found by a kubeconfig, or a file with one, and its context."""

    outputs: ClassVar[tuple[str, ...]] = _OUTPUTS
    access: pulumi.Output[str]
    """A kubeconfig with credentials inside; secret."""
    endpoint: pulumi.Output[str]
    """The address of the API server."""
    identifier: pulumi.Output[str]
    """The UID of kube-system."""
