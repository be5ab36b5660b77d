"""The objects that a local member is given at its birth: nodes, and what kwok may do. Pure."""

from typing import Any

from atoll.core import naming

Manifest = dict[str, Any]
CAPACITY = {"cpu": "8", "memory": "32Gi", "pods": "110"}
KWOK_ROLE = "atoll:kwok"


def nodes(cluster: str, count: int, region: str | None, zone: str | None) -> list[Manifest]:
    """The simulated nodes of a member, `<cluster>-node-1` and on."""
    return [_node(f"{cluster}-node-{number}", region, zone) for number in range(1, count + 1)]


def _node(name: str, region: str | None, zone: str | None) -> Manifest:
    places = {"topology.kubernetes.io/region": region, "topology.kubernetes.io/zone": zone}
    labels = {key: value for key, value in places.items() if value}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {naming.MARK: naming.PACKAGE, "kubernetes.io/hostname": name, **labels},
            # kwok manages every node here; the annotation tells people that nothing real is behind it.
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
    }


def node_status() -> Manifest:
    """What a node offers; the status is a subresource of its own."""
    return {"status": {"allocatable": CAPACITY, "capacity": CAPACITY}}


def pod_ready_again() -> Manifest:
    """The kwok stage that makes a running pod ready once more, as a kubelet does after its node was lost.

    Upstream's stages do this for new pods alone, so that a Deployment would stay unavailable for ever.
    """
    ready = '.status.conditions.[] | select( .type == "Ready" ) | .status'
    conditions = 'conditions:\n- lastTransitionTime: {{ Now | Quote }}\n  status: "True"\n  type: Ready\n'
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": "pod-ready-again"},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
            "selector": {
                "matchExpressions": [
                    {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"},
                    {"key": ".status.phase", "operator": "In", "values": ["Running"]},
                    {"key": ready, "operator": "In", "values": ["False"]},
                ]
            },
            "next": {"statusTemplate": conditions},
        },
    }


def kwok_access() -> list[Manifest]:
    """What the kwok controller may do: the part of its own role that serves without its custom resources.

    Source: sigs.k8s.io/kwok, kustomize/rbac/role.yaml.
    """
    role: Manifest = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": _marked(KWOK_ROLE),
    }
    watch = ["get", "list", "watch"]
    write = ["create", "patch", "update"]
    role["rules"] = [
        {"apiGroups": [""], "resources": ["events"], "verbs": [*watch, *write, "delete"]},
        {"apiGroups": [""], "resources": ["nodes"], "verbs": watch},
        {"apiGroups": [""], "resources": ["pods"], "verbs": [*watch, "patch", "update", "delete"]},
        {"apiGroups": [""], "resources": ["nodes/status", "pods/status"], "verbs": ["patch", "update"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": [*watch, *write]},
    ]
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": _marked(KWOK_ROLE),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": KWOK_ROLE},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "kwok"}],
    }
    return [role, binding]


def _marked(name: str) -> Manifest:
    return {"name": name, "labels": {naming.MARK: naming.PACKAGE}}
