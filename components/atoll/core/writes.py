"""A call of a cloud's API as a value. Pure."""

from dataclasses import dataclass

from atoll.core.effect import Values


@dataclass(frozen=True)
class Write:
    """One call that changes something: its name in boto3, and its arguments."""

    call: str
    arguments: Values
