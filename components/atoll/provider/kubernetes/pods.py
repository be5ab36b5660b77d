"""What the pods of a workload say of why it is not ready."""

from atoll.core.errors import AtollError
from atoll.kubernetes import Api, identities
from atoll.provider.kubernetes import readiness
from atoll.provider.kubernetes.manifests import Manifest

_WORKLOADS = frozenset(
    {("apps", kind) for kind in ("DaemonSet", "Deployment", "StatefulSet")} | {("batch", "Job")}
)
_TOLD = 2
"""Reasons that are told at most, each with one of the pods that have it."""


def unready(api: Api, live: Manifest) -> str:
    """Why its pods are not ready, as more words of a sentence; empty where none says anything."""
    labels = ((live.get("spec") or {}).get("selector") or {}).get("matchLabels")
    if identities.group_kind(live) not in _WORKLOADS or not labels:
        return ""
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    try:
        found = api.items("v1", "Pod", identities.metadata(live).get("namespace"), labelSelector=selector)
    except AtollError:
        # It is asked for more words on an error that stands by itself.
        return ""
    told: dict[str, str] = {}
    for pod in found:
        why = readiness.unready_pod(pod)
        if why and readiness.condition(pod, "Ready").get("status") != "True":
            told.setdefault(why, f"; pod {identities.metadata(pod).get('name')}: {why}")
    return "".join([*told.values()][:_TOLD])
