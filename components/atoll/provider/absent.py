"""What stands in the place of a plugin that cannot be had on this machine: it lets go on all that needs nothing of it.

Without it the engine would end the program at the first resource of that plugin, and nothing after it would be made.
"""

import importlib.metadata
from typing import Any, NoReturn

from atoll.core.effect import Context, Effect, Failure, Outcome, Seen, Values
from atoll.core.errors import UnavailableError
from atoll.provider import effects
from atoll.registry.local import buildkit


class _Missing(Effect):
    """Any resource of a plugin that is not there: the state tells of it, and a write is refused."""

    replace_on = frozenset[str]()
    secret_outputs = frozenset[str]()
    outputs = frozenset[str]()

    def __init__(self, kind: str, program: str) -> None:
        self._kind, self._program = kind, program

    def _end(self) -> NoReturn:
        raise UnavailableError(
            f"{self._kind}: found no {self._program}; expected it. Run: atoll tools install {self._program}"
        )

    def check(self, inputs: Values) -> list[Failure]:  # noqa: ARG002 - the protocol's
        """What fits is the plugin's to know."""
        return []

    def same(self, name: str, old: Any, new: Any) -> bool:  # noqa: ARG002 - the protocol's
        """What nobody says now, the plugin had made up."""
        return new is None or bool(old == new)

    def changes(self, changed: frozenset[str]) -> frozenset[str]:  # noqa: ARG002 - the protocol's
        """What a write changes is the plugin's to know."""
        return frozenset()

    def stale(self, inputs: Values, outputs: Values) -> str | None:  # noqa: ARG002 - the protocol's
        """A changed input shows; what lies behind it does not."""
        return None

    def refuse(self, inputs: Values, outputs: Values) -> None:  # noqa: ARG002 - the protocol's
        """Says in a preview what a write would fail of."""
        self._end()

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Nothing can be made."""
        self._end()

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """Nothing can be looked at: who asks gets what the state has, with a warning."""
        self._end()

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Nothing can be changed."""
        self._end()

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002, ARG002 - the protocol's
        """Forgets it: an environment can be taken down where its plugin is gone."""
        context.warn(f"{self._kind}: left as it is, since there is no {self._program} to remove it")


class DockerBuild(effects.EffectPlugin):
    """In the place of the plugin that asks builders for images."""

    name = buildkit.PLUGIN.removeprefix("pulumi-resource-")
    version = importlib.metadata.version(f"pulumi-{name}")

    def effect(self, token: str) -> Effect:
        """What there is of a type: nothing but words."""
        kind = token.rpartition(":")[2].lower()
        return _Missing(kind, buildkit.PLUGIN)
