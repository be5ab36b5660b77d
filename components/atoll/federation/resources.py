"""The program side of what Atoll's own provider does for a federation."""

from typing import Any, ClassVar

import pulumi

from atoll.core.component import Resource


class BundleDelivery(Resource):
    """A bundle in the members: done when each has what was written, or refused it."""

    outputs: ClassVar[tuple[str, ...]] = ("delivered", "lacking", "leaving")
    delivered: pulumi.Output[dict[str, Any]]
    """For each cluster, how many of the objects it has as they were written."""
    lacking: pulumi.Output[dict[str, Any]]
    """For each cluster that has not all of them, why, by object."""
    leaving: pulumi.Output[dict[str, Any]]
    """For each cluster that still has what is to go from it, what that is."""


class ChartControlPlane(Resource):
    """A Karmada control plane by its own Helm chart on a cluster."""

    outputs: ClassVar[tuple[str, ...]] = ("access", "identifier")
    access: pulumi.Output[str]
    """A kubeconfig with credentials inside; secret."""
    endpoint: pulumi.Output[str]
    """The address of the API server, as it is given."""
    identifier: pulumi.Output[str]
    """The UID of kube-system."""


class LocalControlPlane(Resource):
    """A Karmada control plane as processes of this machine."""

    outputs: ClassVar[tuple[str, ...]] = ("access", "endpoint", "identifier")
    access: pulumi.Output[str]
    """A kubeconfig with credentials inside; secret."""
    endpoint: pulumi.Output[str]
    """The address of the API server."""
    identifier: pulumi.Output[str]
    """The UID of kube-system."""


class MemberAccess(Resource):
    """The member's side of a join: service accounts, what they may do, and their tokens."""

    outputs: ClassVar[tuple[str, ...]] = (
        "endpoint",
        "authority",
        "token",
        "impersonatorToken",
        "identifier",
        "expires",
        "lifeSeconds",
    )
    endpoint: pulumi.Output[str]
    """The address of the member's API server."""
    authority: pulumi.Output[str]
    """The certificate authority of the member's API server, PEM."""
    token: pulumi.Output[str]
    """What Karmada acts with; secret."""
    identifier: pulumi.Output[str]
    """The UID of the member's kube-system."""
    expires: pulumi.Output[str]
    """When the first of the tokens ends, RFC 3339."""
    lifeSeconds: pulumi.Output[float]  # noqa: N815 - the engine sets it by the property's name
    """How long the API server let them live, in seconds."""
    impersonatorToken: pulumi.Output[str]  # noqa: N815 - the engine sets it by the property's name
    """What Karmada's proxy impersonates users with; secret."""


class MemberStatus(Resource):
    """The gate of a member: done when Karmada sees it Ready."""

    outputs: ClassVar[tuple[str, ...]] = ("ready",)
    ready: pulumi.Output[bool]
    """Whether Karmada saw it Ready when it was asked last."""


class PropagationStatus(Resource):
    """The gate of a propagation: done when every cluster runs what was written."""

    outputs: ClassVar[tuple[str, ...]] = ("delivered",)
    delivered: pulumi.Output[dict[str, Any]]
    """For each cluster, how many of the objects it runs as they were written."""
