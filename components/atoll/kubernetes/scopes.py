"""Which kinds live in namespaces, where no server can be asked. Pure."""

_CLUSTER_WIDE = frozenset(
    {
        "APIService",
        "CertificateSigningRequest",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "CSIDriver",
        "CSINode",
        "FlowSchema",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
    }
)
"""Kubernetes's own kinds that live in no namespace."""
_NAMESPACED = {
    "": {
        "ConfigMap",
        "Endpoints",
        "LimitRange",
        "PersistentVolumeClaim",
        "Pod",
        "PodTemplate",
        "ReplicationController",
        "ResourceQuota",
        "Secret",
        "Service",
        "ServiceAccount",
    },
    "apps": {"DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"},
    "autoscaling": {"HorizontalPodAutoscaler"},
    "batch": {"CronJob", "Job"},
    "networking.k8s.io": {"Ingress", "NetworkPolicy"},
    "policy": {"PodDisruptionBudget"},
    "rbac.authorization.k8s.io": {"Role", "RoleBinding"},
}
"""Those that live in one, by their group, as far as they are declared by hand."""


def is_namespaced(api_version: str, kind: str) -> bool:
    """Whether a kind is one of Kubernetes's own that lives in namespaces; of others nobody can tell."""
    group, _, _version = api_version.rpartition("/")
    return kind in _NAMESPACED.get(group, ())


def probably_namespaced(kind: str) -> bool:
    """Whether a kind lives in namespaces, as far as can be told without its server."""
    return kind not in _CLUSTER_WIDE
