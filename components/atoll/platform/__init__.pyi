from .composition import Platform
from .inventory import CONTROL_PLANE, Inventory
from .kubeconfigs import preflight
from .loading import environments, load
from .outputs import Outputs, Reference

__all__ = [
    "CONTROL_PLANE",
    "Inventory",
    "Outputs",
    "Platform",
    "Reference",
    "environments",
    "load",
    "preflight",
]
