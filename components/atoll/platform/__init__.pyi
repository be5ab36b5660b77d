from .composition import Platform
from .inventory import CONTROL_PLANE, Inventory
from .kubeconfigs import preflight
from .loading import environments, load

__all__ = ["CONTROL_PLANE", "Inventory", "Platform", "environments", "load", "preflight"]
