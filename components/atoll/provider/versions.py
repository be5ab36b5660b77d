"""The versions that the plugins here answer with."""

import importlib.metadata

from atoll.core import naming

ATOLL = importlib.metadata.version(naming.PACKAGE)
KUBERNETES = "4.34.2"
"""The official plugin whose place the stand-in takes; the SDK asks for no older one (pyproject.toml pins it)."""
DOCKER = "5.2.0"
"""The same of pulumi-resource-docker."""
