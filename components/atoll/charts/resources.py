"""The program side of what Atoll's own provider does for releases."""

from typing import ClassVar

import pulumi

from atoll.core.component import Resource


class ChartValues(Resource):
    """The proof that a chart takes its values: checked in every preview, before anything is written."""


class ReleasedObjects(Resource):
    """The objects of a release that helm made: looked at by every refresh, put back where they drifted."""

    outputs: ClassVar[tuple[str, ...]] = ("objects",)
    objects: pulumi.Output[int]
    """How many there are."""


class RenderedChart(Resource):
    """What a chart makes of values, rendered when both are known."""

    outputs: ClassVar[tuple[str, ...]] = ("manifests",)
    manifests: pulumi.Output[str]
    """Its objects, as JSON."""
