"""Serves the stand-in: `python -m atoll.provider.kubernetes ENGINE_ADDRESS`."""

from atoll.provider import server
from atoll.provider.kubernetes.plugin import KubernetesPlugin

server.serve(KubernetesPlugin)
