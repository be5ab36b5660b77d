"""A Kubernetes API server as a client sees it: kubeconfigs, requests, discovery. No Pulumi, no host."""

from atoll.kubernetes.client import Api, ApiError, UnreachableError
from atoll.kubernetes.kubeconfig import Kubeconfig
from atoll.kubernetes.pace import Pace
from atoll.kubernetes.scopes import is_namespaced, probably_namespaced
from atoll.kubernetes.texts import documents
from atoll.kubernetes.watching import Ears, Topic

__all__ = [
    "Api",
    "ApiError",
    "Ears",
    "Kubeconfig",
    "Pace",
    "Topic",
    "UnreachableError",
    "documents",
    "is_namespaced",
    "probably_namespaced",
]
