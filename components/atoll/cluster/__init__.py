"""Clusters, whoever runs them: the `local` driver makes one on this machine, `kubeconfig` takes one up."""

from atoll.cluster.component import Cluster, ClusterArgs
from atoll.cluster.provider import kubernetes_provider

__all__ = ["Cluster", "ClusterArgs", "kubernetes_provider"]
