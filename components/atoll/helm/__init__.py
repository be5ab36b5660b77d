"""Helm: its program run with nothing secret among the arguments, and what it keeps in a cluster. No Pulumi, no host."""

from atoll.helm.charts import Chart, Login
from atoll.helm.program import Helm, HelmError
from atoll.helm.storage import Release, latest

__all__ = ["Chart", "Helm", "HelmError", "Login", "Release", "latest"]
