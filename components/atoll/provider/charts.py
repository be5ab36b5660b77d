"""Effects of charts that log in to registries: the one floor is blind to the other, so that they are joined here."""

from collections.abc import Mapping
from typing import Any

from atoll.charts.access import Access
from atoll.charts.publication_effects import ChartPublication
from atoll.charts.release_effects import ChartValues
from atoll.charts.rendered_effects import RenderedChart
from atoll.helm import Login
from atoll.registry import access


def publication() -> ChartPublication:
    """The effect behind `ChartPublication`."""
    return ChartPublication(_access)


def values() -> ChartValues:
    """The effect behind `ChartValues`."""
    return ChartValues(_access)


def rendered() -> RenderedChart:
    """The effect behind `RenderedChart`."""
    return RenderedChart(_access)


def _access(reference: Mapping[str, Any]) -> Access:
    found = access.login(dict(reference))
    return Access(Login(found.user, found.password), found.authority)
