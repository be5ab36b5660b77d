from .publication import ChartPublication, ChartPublicationArgs
from .release import Release, ReleaseArgs
from .rendering import manifests, rendered
from .source import ChartLogin, ChartSource

__all__ = [
    "ChartLogin",
    "ChartPublication",
    "ChartPublicationArgs",
    "ChartSource",
    "Release",
    "ReleaseArgs",
    "manifests",
    "rendered",
]
