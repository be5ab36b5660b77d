"""The twenty policies that are synced to each cluster: RBAC, quotas, network policies, limit ranges, config. Pure."""

import json
from dataclasses import dataclass, replace
from typing import Any

Manifest = dict[str, Any]
NAMESPACES = ("team-a", "team-b", "team-c")
LABEL = "atoll-bench/policies"
"""What all of them are found by."""
PROBED = "policy-probe"
"""The group that the roles are bound to: a review of its rights tells whether an RBAC change is in effect."""
_RBAC, _RBAC_VERSION = "rbac.authorization.k8s.io", "rbac.authorization.k8s.io/v1"
_PLURALS = {
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "ConfigMap": "configmaps",
    "LimitRange": "limitranges",
    "NetworkPolicy": "networkpolicies",
    "ResourceQuota": "resourcequotas",
}
PORTS = 5
"""The one policy that changes alone says one of so many ports in turn: 10,000 apart, they end where ports do."""
FIELDS = ("rules", "subjects", "roleRef", "spec", "data")
"""What an object says; the rest is the server's, or says who wrote it."""


@dataclass(frozen=True)
class Revision:
    """What the policies say: `number` is in a field of each, `policy` in one of them alone, `rule` in one role."""

    number: int
    policy: int = 0
    rule: str = ""

    def with_policy(self, policy: int) -> "Revision":
        """One policy is changed."""
        return replace(self, policy=policy)

    def with_rule(self, rule: str) -> "Revision":
        """One role allows one thing more."""
        return replace(self, rule=rule)


def namespaces() -> list[Manifest]:
    """Where they live; there before anything is measured."""
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in NAMESPACES]


def objects(revision: Revision) -> list[Manifest]:
    """All of them."""
    return [
        *(_role(number, revision) for number in range(5)),
        *(_binding(number, revision) for number in range(5)),
        *(_quota(namespace, revision) for namespace in NAMESPACES),
        *(_network(namespace, revision) for namespace in NAMESPACES),
        *(_limits(namespace, revision) for namespace in NAMESPACES[:2]),
        *(_config(namespace, revision) for namespace in NAMESPACES[:2]),
    ]


def differing(old: Revision, new: Revision) -> list[Manifest]:
    """Those that are others in a new revision."""
    return [now for was, now in zip(objects(old), objects(new), strict=True) if was != now]


def located(manifest: Manifest) -> tuple[str, str, Manifest]:
    """An object with its path, and that of its kind in all namespaces."""
    version, metadata = manifest["apiVersion"], manifest["metadata"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    plural = _PLURALS[manifest["kind"]]
    within = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{root}{within}/{plural}/{metadata['name']}", f"{root}/{plural}", manifest


def allowed(rule: str) -> Manifest:
    """What the group may do once a rule is in effect, as a review asks for it."""
    asked = {"namespace": NAMESPACES[0], "verb": "get", "resource": "secrets", "name": f"rule-{rule}"}
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": "probe", "groups": [PROBED], "resourceAttributes": asked},
    }


def _object(version: str, kind: str, name: str, namespace: str = "", **fields: Any) -> Manifest:
    metadata: Manifest = {"name": name, "labels": {LABEL: "true"}}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}


def _role(number: int, revision: Revision) -> Manifest:
    named = {"apiGroups": [""], "verbs": ["get"]}
    rules = [
        {"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["apps"], "resources": ["deployments", "replicasets"], "verbs": ["get", "list"]},
        {**named, "resources": ["configmaps"], "resourceNames": [f"revision-{revision.number}"]},
    ]
    if revision.rule and not number:
        rules.append({**named, "resources": ["secrets"], "resourceNames": [f"rule-{revision.rule}"]})
    return _object(_RBAC_VERSION, "ClusterRole", f"policy-{number}", rules=rules)


def _binding(number: int, revision: Revision) -> Manifest:
    name = f"policy-{number}"
    subjects = [
        {"kind": "Group", "apiGroup": _RBAC, "name": PROBED},
        {"kind": "User", "apiGroup": _RBAC, "name": f"user-{revision.number}"},
    ]
    role = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": name}
    return _object(_RBAC_VERSION, "ClusterRoleBinding", name, roleRef=role, subjects=subjects)


def _quota(namespace: str, revision: Revision) -> Manifest:
    hard = {"pods": str(100 + revision.number), "requests.cpu": "20", "requests.memory": "64Gi"}
    return _object("v1", "ResourceQuota", "policy", namespace, spec={"hard": hard})


def _network(namespace: str, revision: Revision) -> Manifest:
    port = 8000 + revision.number % 1000 + (10_000 * revision.policy if namespace == NAMESPACES[0] else 0)
    peer = {"namespaceSelector": {"matchLabels": {"team": namespace}}}
    ingress = [{"from": [peer], "ports": [{"protocol": "TCP", "port": port}]}]
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": ingress}
    return _object("networking.k8s.io/v1", "NetworkPolicy", "policy", namespace, spec=spec)


def _limits(namespace: str, revision: Revision) -> Manifest:
    limit = {
        "type": "Container",
        "default": {"memory": f"{256 + revision.number}Mi"},
        "defaultRequest": {"memory": "64Mi"},
        "max": {"memory": "8Gi"},
    }
    return _object("v1", "LimitRange", "policy", namespace, spec={"limits": [limit]})


def _config(namespace: str, revision: Revision) -> Manifest:
    policy = json.dumps({"tls": "1.3", "registries": ["a.example", "b.example"], "owner": namespace})
    return _object(
        "v1", "ConfigMap", "policy", namespace, data={"revision": str(revision.number), "policy.json": policy}
    )
