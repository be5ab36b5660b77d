from .component import Cluster, ClusterArgs
from .provider import kubernetes_provider

__all__ = ["Cluster", "ClusterArgs", "kubernetes_provider"]
