"""What a chart of a registry makes of values: rendered from what the registry has, and compared with what was expected."""

import json
from typing import Any

from atoll.charts import source, weaving
from atoll.charts.access import Logins
from atoll.charts.rendering import manifests
from atoll.core.effect import Context, Effect, Failure, Outcome, Seen, Values
from atoll.core.errors import RefusedError
from atoll.helm import Chart
from atoll.host import Environment


class RenderedChart(Effect):
    """A chart and its values, both known at last.

    `source` is a chart's, without a login: that of a `registry` is asked for. `values` and `expected` are JSON, since
    numbers and nothing keep their meaning in it; `expected` is what the program took the objects for.
    """

    replace_on = frozenset[str]()
    secret_outputs = frozenset[str]()
    outputs = frozenset({"manifests"})

    def __init__(self, logins: Logins) -> None:
        self._logins = logins

    def check(self, inputs: Values) -> list[Failure]:
        """A source that is known names one chart."""
        found = source.problems(inputs["source"]) if "source" in inputs else ()
        return [Failure(f"source.{field}".rstrip("."), text) for field, text in found]

    def changes(self, changed: frozenset[str]) -> frozenset[str]:  # noqa: ARG002 - the protocol's
        """Whatever changes, the objects may."""
        return self.outputs

    def stale(self, inputs: Values, outputs: Values) -> str | None:  # noqa: ARG002 - the protocol's
        """What is pinned stays what it is; what lies in the checkout is in `expected`."""
        return None

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Renders it."""
        given = json.loads(inputs["values"])
        found = manifests(self._chart(inputs), inputs["release"], inputs["namespace"], given)
        if differing := weaving.differing(json.loads(inputs["expected"]), found):
            raise RefusedError(
                f"release {inputs['release']}: found {source.reference(inputs['source'])} to make other objects "
                f"({differing}); expected the ones that the program has rendered. Let its templates make nothing up "
                "(random texts, times), and run the same command again"
            )
        return Outcome(inputs["release"], {"manifests": json.dumps(found, sort_keys=True)})

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """The objects themselves are looked at by whoever carries them."""
        return Seen(inputs, outputs) if inputs else None

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Renders it again."""
        return self.create(id, inputs, context)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002 - the protocol's
        """Nothing was written."""

    def _chart(self, inputs: Values) -> Chart:
        found: dict[str, Any] = dict(inputs["source"])
        if "path" in found:
            found["path"] = str(Environment.current().project / found["path"])
        if "registry" not in inputs:
            return source.chart(found)
        access = self._logins(inputs["registry"])
        return Chart(source.reference(found), login=access.login, authority=access.authority)
