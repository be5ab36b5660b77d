"""A Kubernetes API server as a client sees it: kubeconfigs, requests, discovery. No Pulumi, no host."""

from atoll.kubernetes.client import Api, ApiError, UnreachableError
from atoll.kubernetes.kubeconfig import Kubeconfig

__all__ = ["Api", "ApiError", "Kubeconfig", "UnreachableError"]
