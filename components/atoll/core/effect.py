"""What stands behind a resource of Atoll's own provider: plain values in, plain values out. Pure.

A domain's effects module implements `Effect` once for each resource class; `atoll.provider` serves them.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from atoll.core.errors import Exit

Values = dict[str, Any]
"""Properties by their camelCase names, plain JSON values; secrets are unwrapped."""


@dataclass(frozen=True)
class Failure:
    """An input that does not fit: `name` is the property, `reason` is one line."""

    name: str
    reason: str


@dataclass(frozen=True)
class Outcome:
    """What a write left behind.

    `outputs` are kept in the state even where `problems` says what is not ready yet: nothing is orphaned.
    """

    id: str
    outputs: Values
    problems: tuple[str, ...] = ()
    code: Exit = Exit.FAILED
    """The exit code that the problems mean."""
    retry: bool | None = None
    """Whether trying again can help; None where nobody can tell."""


@dataclass(frozen=True)
class Seen:
    """What a read found: the inputs as the world has them (drift shows here), and the outputs."""

    inputs: Values
    outputs: Values
    id: str = ""
    """The id that the thing is kept under, where an import may name it in other ways."""


@dataclass(frozen=True)
class Context:
    """Whom an effect works for, what it may tell meanwhile, and how it learns that it should end."""

    report: Callable[[str], None] = lambda _line: None
    """Shows progress, one line, replaced by the next."""
    warn: Callable[[str], None] = lambda _line: None
    """Shows a warning that stays."""
    cancelled: threading.Event = field(default_factory=threading.Event)
    owner: str = ""
    """`project/stack`: whose the resource is."""


class Effect(Protocol):
    """The verbs of one resource class. Create means ensure: what is ours is taken up, what is foreign refused."""

    replace_on: frozenset[str]
    """Inputs whose change makes a new resource; it is deleted before the new one is made."""
    secret_outputs: frozenset[str]
    """Outputs that are secret in the state."""
    outputs: frozenset[str]
    """All outputs beside the inputs; unknown in the preview of a create."""

    def check(self, inputs: Values) -> list[Failure]:
        """The inputs that do not fit, all at once; unknown inputs are left out of `inputs`."""
        ...

    def same(self, name: str, old: Any, new: Any) -> bool:  # noqa: ARG002 - for those whose words may differ
        """Whether two values of an input mean the same; None stands for one that is not given."""
        return bool(old == new)

    def changes(self, changed: frozenset[str]) -> frozenset[str]:
        """The outputs that an update of these inputs may change; the others keep their values in a preview.

        No inputs: those that an update of a stale resource may change, where `renews` does not know better.
        """
        ...

    def stale(self, inputs: Values, outputs: Values) -> str | None:
        """Why a resource needs an update though no input changed (a token near its end), or None."""
        ...

    def renews(self, inputs: Values, outputs: Values) -> frozenset[str]:  # noqa: ARG002 - for those that ask the world
        """The outputs that an update of a stale resource may change."""
        return self.changes(frozenset())

    def refuse(self, inputs: Values, outputs: Values) -> None:  # noqa: ARG002 - for those that know before
        """Raises in a preview what a write would be refused for, where that can be known before it is tried.

        Unknown inputs are left out of `inputs`; `outputs` are the old ones, none before a create.
        """
        return

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:
        """Ensures the thing; may be called again after it was killed half-way."""
        ...

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002 - the protocol's
        """Compares with the world; None where the thing is gone. `inputs` is empty on import."""
        ...

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002 - the protocol's
        """Makes the thing fit new inputs; `outputs` are the old ones."""
        ...

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002 - the protocol's
        """Removes the thing; it being gone already is no error."""
        ...
