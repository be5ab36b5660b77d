"""When what ends by itself (a certificate, a token) is to be renewed. Pure."""

from datetime import datetime, timedelta

SHARE = 3
"""What ends is renewed once less than this part (a third) of its life is left."""


_LEEWAY = timedelta(minutes=1)
"""By how much a server forgives a token that begins later. Source: go-jose/go-jose, jwt/validation.go."""


def not_begun(end: datetime, life: timedelta, now: datetime) -> bool:
    """Whether a life lies ahead as a whole: it was given by a clock that was set back since."""
    return end - life > now + _LEEWAY


def near_end(end: datetime, life: timedelta, now: datetime) -> bool:
    """Whether less than a third of a life is left."""
    return end - now < life / SHARE
