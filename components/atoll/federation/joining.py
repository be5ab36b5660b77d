"""The objects of a join in push mode, on the member's side and on the plane's. Pure.

Source: karmada-io/karmada, pkg/util/credential.go and pkg/karmadactl/join.
"""

from typing import Any

Manifest = dict[str, Any]
CLUSTER_NAMESPACE = "karmada-cluster"
"""Where Karmada keeps what belongs to a membership, on the plane and in the member."""
SYSTEM_LABEL = {"karmada.io/system": "true"}
IMPERSONATOR = "karmada-impersonator"
CLUSTERS = "/apis/cluster.karmada.io/v1alpha1/clusters"
"""Where the plane keeps its members; below each is a proxy to the member itself."""
_RBAC = "rbac.authorization.k8s.io"


def account(member: str) -> str:
    """The service account that Karmada acts as in a member."""
    return f"karmada-{member}"


def impersonator_secret(member: str) -> str:
    """The secret on the plane with the token that Karmada's proxy impersonates users with in a member."""
    return f"{member}-impersonator"


def role(member: str) -> str:
    """The cluster role of that account."""
    return f"karmada-controller-manager:karmada-{member}"


def member_side(member: str) -> list[Manifest]:
    """What the member needs, in the order of its making.

    Karmada carries any kind to a member, so its account may do everything there: that is upstream's own role.
    """
    rules = [
        {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
        {"verbs": ["get"], "nonResourceURLs": ["*"]},
    ]
    binding = {
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role(member)},
        "subjects": [{"kind": "ServiceAccount", "name": account(member), "namespace": CLUSTER_NAMESPACE}],
    }
    return [
        _object("v1", "Namespace", CLUSTER_NAMESPACE),
        _object("v1", "ServiceAccount", IMPERSONATOR, CLUSTER_NAMESPACE),
        _object("v1", "ServiceAccount", account(member), CLUSTER_NAMESPACE),
        {**_object(f"{_RBAC}/v1", "ClusterRole", role(member)), "rules": rules},
        {**_object(f"{_RBAC}/v1", "ClusterRoleBinding", role(member)), **binding},
    ]


ACCOUNTS = f"/api/v1/namespaces/{CLUSTER_NAMESPACE}/serviceaccounts"
"""Where the service accounts are in a member."""


def accounts(member: str) -> set[str]:
    """The names of those that it has."""
    return {IMPERSONATOR, account(member)}


def rights(member: str) -> list[str]:
    """Where a member has what its account may do."""
    return [f"/apis/{_RBAC}/v1/{plural}/{role(member)}" for plural in ("clusterroles", "clusterrolebindings")]


def token_path(account_name: str) -> str:
    """Where a token for a service account is asked for."""
    return f"{ACCOUNTS}/{account_name}/token"


def token_request(seconds: int) -> Manifest:
    """A request for a token that lives this long; the server may shorten it."""
    return {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": seconds},
    }


def _object(api_version: str, kind: str, name: str, namespace: str | None = None) -> Manifest:
    metadata: Manifest = {"name": name, "labels": SYSTEM_LABEL}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}
