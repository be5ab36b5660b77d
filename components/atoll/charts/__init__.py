"""Helm charts: where they come from, what values they take, and their releases."""

from atoll.charts.release import Release, ReleaseArgs
from atoll.charts.rendering import rendered
from atoll.charts.source import ChartLogin, ChartSource

__all__ = ["ChartLogin", "ChartSource", "Release", "ReleaseArgs", "rendered"]
