"""What is different about a lean cluster: an API server alone, whose store is one that others have theirs in too. Pure.

It serves what a fleet is tried with in numbers: nothing schedules, runs pods, collects garbage or ends namespaces.
"""

STORE = "lean-store"
"""The name of the store, beside those of the clusters."""
ROOT = "/registry"
"""Where an API server keeps everything in a store of its own. Source: kube-apiserver, --etcd-prefix."""

FLAGS = {
    # There is no kubelet to restrict.
    "authorization-mode": "RBAC",
    # Nothing fills a ResourceQuota's status, makes a namespace's first ServiceAccount or takes a volume's finalizer away.
    "disable-admission-plugins": "ResourceQuota,ServiceAccount,StorageObjectInUseProtection",
    # One server has nobody to agree with, and few clients to be fair to.
    "enable-priority-and-fairness": "false",
    "feature-gates": "APIServerIdentity=false,UnknownVersionInteroperabilityProxy=false",
    # The store compacts by itself; counts of its objects are nobody's to read.
    "etcd-compaction-interval": "0",
    "etcd-count-metric-poll-period": "0",
    "etcd-db-metric-poll-interval": "0",
}
VARIABLES = (("GOMAXPROCS", "2"),)
"""No threads for processors that as many others want. With GOGC=50 it has 30 MiB less, and a sync takes a tenth longer."""

_WORKLOADS = {
    "": frozenset({"Pod", "ReplicationController"}),
    "apps": frozenset({"DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"}),
    "batch": frozenset({"CronJob", "Job"}),
}


def prefix(cluster: str) -> str:
    """Where a lean cluster keeps everything in the store."""
    return f"{ROOT}/{cluster}"


def needs_nodes(api_version: str, kind: str) -> bool:
    """Whether an object of a kind comes to nothing where no pod runs."""
    group, _, version = api_version.rpartition("/")
    return kind in _WORKLOADS.get(group if version else "", frozenset())
