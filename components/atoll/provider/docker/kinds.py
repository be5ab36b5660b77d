"""What the stand-in's resources have in common: which inputs are served, and which of their values mean the same."""

from typing import Any, ClassVar

from atoll.core.effect import Effect, Failure, Values


class Kind(Effect):
    """A resource of the package docker; its inputs and outputs are named as there."""

    served: ClassVar[frozenset[str]]
    """Its inputs; any other is refused."""
    required: ClassVar[frozenset[str]] = frozenset()
    defaults: ClassVar[Values] = {}
    """What an input means that is not given."""
    unordered: ClassVar[frozenset[str]] = frozenset()
    """Lists whose order means nothing."""
    secret_outputs = frozenset[str]()

    def check(self, inputs: Values) -> list[Failure]:
        """What the stand-in does not serve, or lacks."""
        return [
            Failure(
                name,
                "found an input that the stand-in for pulumi-resource-docker does not serve; expected none",
            )
            for name in sorted(inputs.keys() - self.served)
            if not _is_bookkeeping(name)
        ]

    def same(self, name: str, old: Any, new: Any) -> bool:
        """An input that is not given has its default; what the official plugin notes beside its inputs means nothing."""
        return _is_bookkeeping(name) or self._meant(name, old) == self._meant(name, new)

    def stale(self, inputs: Values, outputs: Values) -> str | None:  # noqa: ARG002 - the protocol's
        """What is there is looked at by a refresh alone, as by the official plugin."""
        return None

    def _meant(self, name: str, value: Any) -> Any:
        value = self.defaults.get(name) if value is None else value
        if name in self.unordered and isinstance(value, list):
            value = sorted(value, key=repr)
        # An empty value is none to the official plugin.
        return value or None


def _is_bookkeeping(name: str) -> bool:
    return name.startswith("__")
