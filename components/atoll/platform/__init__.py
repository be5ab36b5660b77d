"""The inventory of an environment, and the one composition of all components that follows from it.

Here belongs what turns settings into values and values into component args; not what a component does.
"""

from atoll.platform.composition import Platform
from atoll.platform.inventory import CONTROL_PLANE, Inventory
from atoll.platform.kubeconfigs import preflight
from atoll.platform.loading import environments, load

__all__ = ["CONTROL_PLANE", "Inventory", "Platform", "environments", "load", "preflight"]
