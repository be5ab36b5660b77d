from .release import Release, ReleaseArgs
from .rendering import rendered
from .source import ChartLogin, ChartSource

__all__ = ["ChartLogin", "ChartSource", "Release", "ReleaseArgs", "rendered"]
